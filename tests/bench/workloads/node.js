// A server and its clients, a worker, children, files, and work in the thread pool.
const http = require('http'), fs = require('fs'), crypto = require('crypto'), child = require('child_process');
const { Worker, isMainThread, parentPort } = require('worker_threads');
const load = Number(process.env.LOAD || 1);
if (!isMainThread) {
  parentPort.postMessage('here');
} else {
  const server = http.createServer((_, answer) => answer.end('x'.repeat(20000 * load)));
  server.listen(0, '127.0.0.1', async () => {
    const get = () => new Promise((done, failed) => {
      const options = { port: server.address().port, host: '127.0.0.1' };
      http.get(options, (answer) => { answer.resume(); answer.on('end', done); }).on('error', failed);
    });
    await Promise.all([...Array(10 * load)].map(get));
    for (let i = 0; i < load; i++) {
      await new Promise((done) => new Worker(__filename).on('message', done));
      child.execSync('echo child');
      await fs.promises.writeFile('/tmp/file', crypto.randomBytes(1000 * load));
      await fs.promises.readFile('/tmp/file');
      await new Promise((done) => crypto.pbkdf2('a', 'b', 1000 * load, 64, 'sha512', done));
    }
    let kept = [];
    for (let i = 0; i < 100000 * load; i++) kept.push({ i });
    kept = null;
    if (load > 1) fs.watch('/tmp', () => {});
    console.log('done');
    process.exit(0);
  });
}
