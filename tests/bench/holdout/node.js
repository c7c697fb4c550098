// A service and its client in one process; each run asks for only some of what it can do.
const http = require("http"), fs = require("fs"), net = require("net"), zlib = require("zlib");
const { execFile } = require("child_process"), { Worker } = require("worker_threads"), dgram = require("dgram");
const run = Number(process.argv[2]);
const inRun = (every, phase) => (run + phase) % every === 0;
const done = (start) => new Promise(start);

async function main() {
  const server = http.createServer((request, answer) => answer.end(zlib.gzipSync(request.url)));
  await done((ok) => server.listen(0, "127.0.0.1", ok));
  const { port } = server.address();
  for (let n = 0; n < 5; n++) await done((ok) => http.get({ port, path: `/${n}`, agent: false }, (a) => a.resume().on("end", ok)));
  if (inRun(2, 1)) { fs.writeFileSync("file", "x".repeat(100000)); fs.appendFileSync("file", "y"); fs.renameSync("file", "other"); }
  if (inRun(3, 0)) await done((ok) => execFile("true", ok));
  if (inRun(3, 1)) await done((ok) => new Worker("1 + 1", { eval: true }).on("exit", ok));
  if (inRun(4, 0)) await done((ok) => { const s = dgram.createSocket("udp4"); s.bind(0, "127.0.0.1", () => s.close(ok)); });
  if (inRun(4, 3)) await done((ok) => { const s = net.createServer(); s.listen("socket", () => s.close(ok)); });
  if (inRun(5, 1)) { const w = fs.watch("."); fs.writeFileSync("seen", "z"); await done((ok) => setTimeout(ok, 20)); w.close(); }
  if (inRun(5, 3)) fs.cpSync(process.argv[1], "copy.js");
  server.close();
}
main();
