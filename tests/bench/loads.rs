//! Servers under load: throughput with a recorder, in units of the throughput with the empty program.

use super::attachment::{Attachment, Typed};
use super::places::Place;
use super::plan::{OURS, recorder};
use super::rounds::EMPTY;
use super::worker;
use anyhow::{Context, Result, ensure};
use house_tests::figures::Spread;
use seccomp_tracer::target::cgroup::Hierarchy;
use std::fs;
use std::net::TcpStream;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// What a server gave.
pub(crate) struct Throughput {
    /// What was attached.
    pub(crate) attached: &'static str,
    /// What ran.
    pub(crate) load: &'static str,
    /// In units of the throughput with the empty program.
    pub(crate) ratio: Spread,
    /// How much it is to be at least.
    pub(crate) aim: Option<f64>,
}

/// Rounds; a reading takes a second or two.
const ROUNDS: usize = 15;

/// What the recorder is to leave.
const AIM: f64 = 0.98;

/// The addresses of the servers, which nothing else should use.
const NGINX_PORT: u16 = 18_080;
const REDIS_PORT: u16 = 18_379;

/// A server in the watched scope, and the client that loads it from another CPU.
struct Server {
    name: &'static str,
    child: Child,
    client: Vec<String>,
    /// Finds the throughput in what the client says.
    rate: fn(&str) -> Option<f64>,
    _folder: tempfile::TempDir,
}

/// Measures those that are installed.
pub(crate) fn measure(mut progress: impl FnMut(usize)) -> Result<Vec<Throughput>> {
    let hierarchy = Hierarchy::detect().context("no cgroup v2 hierarchy")?;
    let place = Place::new(&hierarchy)?;
    let mut attachments: [(&'static str, Box<dyn Attachment>, Option<f64>); 3] = [
        (EMPTY[0], Box::new(Typed::empty()?), None),
        (OURS, Box::new(recorder(place.scope(), false)?), Some(AIM)),
        (EMPTY[1], Box::new(Typed::empty()?), None),
    ];
    let servers = [nginx(&place)?, redis(&place)?];
    let mut rates = vec![vec![[0.0; 3]; ROUNDS]; servers.len()];
    for round in 0..ROUNDS {
        for turn in 0..attachments.len() {
            let at = (turn + round) % attachments.len();
            attachments[at].1.start()?;
            for (server, rates) in servers.iter().zip(&mut rates) {
                rates[round][at] = server.load()?;
            }
            attachments[at].1.stop()?;
        }
        progress(round + 1);
    }
    let mut found = Vec::new();
    for (server, rates) in servers.iter().zip(&rates) {
        for (at, &(attached, _, aim)) in attachments.iter().enumerate() {
            let ratio = rates
                .iter()
                .map(|rates| rates[at] / f64::midpoint(rates[0], rates[2]));
            found.push(Throughput {
                attached,
                load: server.name,
                ratio: Spread::of(ratio).context("nothing was measured")?,
                aim,
            });
        }
    }
    Ok(found)
}

fn nginx(place: &Place) -> Result<Server> {
    let folder = tempfile::tempdir().context("no temporary folder")?;
    let path = folder.path().display();
    let configuration = format!(
        "daemon off; master_process off; pid {path}/pid; error_log {path}/log;\n\
         events {{}}\n\
         http {{ access_log off; client_body_temp_path {path}/1; proxy_temp_path {path}/2;\n\
         fastcgi_temp_path {path}/3; uwsgi_temp_path {path}/4; scgi_temp_path {path}/5;\n\
         server {{ listen 127.0.0.1:{NGINX_PORT}; root {path}; }} }}\n"
    );
    fs::write(folder.path().join("conf"), configuration).context("cannot write")?;
    fs::write(folder.path().join("page"), "hello there\n").context("cannot write")?;
    let start = format!("nginx -c {path}/conf");
    let client = format!("wrk -t1 -c16 -d1s http://127.0.0.1:{NGINX_PORT}/page");
    Server::start(
        "nginx, wrk",
        place,
        (&start, NGINX_PORT),
        &client,
        wrk_rate,
        folder,
    )
}

fn wrk_rate(said: &str) -> Option<f64> {
    let line = said
        .lines()
        .find_map(|line| line.strip_prefix("Requests/sec:"));
    line?.trim().parse().ok()
}

fn redis(place: &Place) -> Result<Server> {
    let folder = tempfile::tempdir().context("no temporary folder")?;
    let path = folder.path().display();
    let start = format!("redis-server --port {REDIS_PORT} --bind 127.0.0.1 --dir {path}");
    let client = format!("redis-benchmark -p {REDIS_PORT} -c 16 -n 40000 -t get --csv");
    let name = "redis, redis-benchmark";
    Server::start(
        name,
        place,
        (&start, REDIS_PORT),
        &client,
        redis_rate,
        folder,
    )
}

/// The second column of the last line.
fn redis_rate(said: &str) -> Option<f64> {
    let column = said.lines().last()?.split(',').nth(1)?;
    column.trim_matches('"').parse().ok()
}

impl Server {
    fn start(
        name: &'static str,
        place: &Place,
        (start, port): (&str, u16),
        client: &str,
        rate: fn(&str) -> Option<f64>,
        folder: tempfile::TempDir,
    ) -> Result<Self> {
        let words: Vec<String> = client.split(' ').map(ToOwned::to_owned).collect();
        let child = command(start, *worker::cpus().last().context("no CPU")?)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .with_context(|| format!("cannot run {name}"))?;
        let server = Self {
            name,
            child,
            client: words,
            rate,
            _folder: folder,
        };
        let procs = place.path().join("cgroup.procs");
        fs::write(&procs, server.child.id().to_string()).context("cannot move a server")?;
        for _ in 0..500 {
            if TcpStream::connect(("127.0.0.1", port)).is_ok() {
                return Ok(server);
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        anyhow::bail!("{name} does not answer")
    }

    /// Requests per second.
    fn load(&self) -> Result<f64> {
        let cpu = *worker::cpus().first().context("no CPU")?;
        let output = command(&self.client.join(" "), cpu)
            .output()
            .with_context(|| format!("cannot run the client of {}", self.name))?;
        ensure!(
            output.status.success(),
            "the client of {} failed",
            self.name
        );
        let said = String::from_utf8_lossy(&output.stdout);
        (self.rate)(&said).with_context(|| format!("the client of {} says no rate", self.name))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A command line, pinned to a CPU.
fn command(line: &str, cpu: usize) -> Command {
    let mut words = line.split(' ');
    let mut command = Command::new(words.next().unwrap_or_default());
    command.args(words).stdin(Stdio::null());
    // SAFETY: one call of the kernel, which is allowed between fork and exec.
    unsafe {
        command.pre_exec(move || {
            worker::pin(cpu);
            Ok(())
        });
    }
    command
}
