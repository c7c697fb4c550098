//! Servers in the watched scope, each with a client that loads it from another CPU.

use super::{Load, command};
use crate::places::Place;
use crate::worker;
use anyhow::{Context, Result, ensure};
use std::fs;
use std::net::TcpStream;
use std::process::{Child, Stdio};
use std::time::Duration;

/// The addresses of the servers, which nothing else should use.
const NGINX_PORT: u16 = 18_080;
const REDIS_PORT: u16 = 18_379;

/// A server, and the client that loads it from another CPU.
pub(super) struct Server {
    name: &'static str,
    child: Child,
    client: Vec<String>,
    /// Finds the throughput in what the client says.
    rate: fn(&str) -> Option<f64>,
    _folder: tempfile::TempDir,
}

/// A web server.
pub(super) fn nginx(place: &Place) -> Result<Server> {
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

/// A server of small values.
pub(super) fn redis(place: &Place) -> Result<Server> {
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
        let start: Vec<String> = start.split(' ').map(ToOwned::to_owned).collect();
        let child = command(&start, *worker::cpus().last().context("no CPU")?)
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
}

impl Load for Server {
    fn name(&self) -> &'static str {
        self.name
    }

    /// Requests per second.
    fn rate(&self) -> Result<f64> {
        let cpu = *worker::cpus().first().context("no CPU")?;
        let output = command(&self.client, cpu)
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
