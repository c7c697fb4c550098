//! What the containers do: real programs from Debian packages, with output that is the same every time.

use house_tests::docker::Docker;
use house_tests::image::{Image, Rootfs};

/// An image and what is run in it.
pub(crate) struct Workload {
    /// Its name, for messages.
    pub(crate) name: &'static str,
    /// The image.
    pub(crate) image: Image,
    /// The command.
    pub(crate) command: Vec<&'static str>,
    /// What it prints.
    pub(crate) output: &'static str,
}

impl Workload {
    /// The container, not yet run.
    pub(crate) fn docker(&self) -> Docker {
        Docker::run(&self.image.name, &self.command)
    }
}

/// A shell script: files, pipes, processes.
pub(crate) fn busybox() -> Workload {
    const SCRIPT: &str = include_str!("busybox.sh");
    let applets = [
        "sh", "ls", "cat", "sort", "wc", "seq", "mkdir", "rm", "mv", "ln", "sleep",
    ];
    let rootfs = Rootfs::default().busybox(&applets);
    Workload {
        name: "busybox",
        image: rootfs.file("script.sh", SCRIPT).import("busybox"),
        command: vec!["/bin/sh", "/script.sh"],
        output: "a\nb\nc\n500500\nmoved\nlater 3\n",
    }
}

/// Python: threads, sockets, a child process.
pub(crate) fn python() -> Workload {
    const PROGRAM: &str = include_str!("python.py");
    let unused = [
        "__pycache__",
        "test",
        "dist-packages",
        "idlelib",
        "lib2to3",
        "tkinter",
        "ensurepip",
        "distutils",
        "pydoc_data",
        "unittest",
        "turtledemo",
    ];
    let rootfs = Rootfs::default()
        .busybox(&["sh", "cat"])
        .program("/usr/bin/python3.11")
        .folder("/usr/lib/python3.11", &unused);
    Workload {
        name: "python",
        image: rootfs.file("program.py", PROGRAM).import("python"),
        command: vec!["/usr/bin/python3.11", "/program.py"],
        output: "threads 4950\ntcp HELLO\nudp HELLO\nunix HELLO\nchild 3\nfile 1000\n",
    }
}

/// The files of an nginx that serves one page as an unprivileged user.
pub(crate) fn nginx_rootfs() -> Rootfs {
    let configuration = include_str!("nginx.conf");
    let applets = ["sh", "wget", "sleep", "cat", "mkdir", "kill", "test"];
    Rootfs::default()
        .busybox(&applets)
        .program("/usr/sbin/nginx")
        .file("etc/nginx.conf", configuration)
        .file("srv/index.html", "served\n")
        .file("var/log/nginx/.keep", "")
        .file("var/lib/nginx/.keep", "")
        .file("serve.sh", include_str!("nginx.sh"))
}

/// nginx: starts, serves requests, stops.
pub(crate) fn nginx() -> Workload {
    Workload {
        name: "nginx",
        image: nginx_rootfs().import("nginx"),
        command: vec!["/bin/sh", "/serve.sh"],
        output: "served\nserved\nserved\nserved\nserved\nHTTP/1.1 404\nstopped\n",
    }
}

/// redis with its own benchmark.
pub(crate) fn redis() -> Workload {
    let rootfs = Rootfs::default()
        .busybox(&["sh", "sleep", "cat", "grep"])
        .program("redis-server")
        .program("redis-benchmark")
        .program("redis-cli");
    Workload {
        name: "redis",
        image: rootfs
            .file("bench.sh", include_str!("redis.sh"))
            .import("redis"),
        command: vec!["/bin/sh", "/bench.sh"],
        output: "no server yet\nPONG\nOK\nvalue\nbenchmark done\nstopped\n",
    }
}

/// The version that the distribution has; its folders are called so.
fn postgres_version() -> String {
    let folders = std::fs::read_dir("/usr/lib/postgresql").expect("PostgreSQL is installed");
    let names = folders.flatten().map(|entry| entry.file_name());
    let newest = names.max().expect("a version of PostgreSQL");
    newest.to_string_lossy().into_owned()
}

/// PostgreSQL: a database is made, loaded by several clients, asked by parallel workers, dumped, and stopped.
pub(crate) fn postgres() -> Workload {
    let version = postgres_version();
    let folder = format!("/usr/lib/postgresql/{version}");
    let applets = ["sh", "id", "su", "sleep", "grep", "cat"];
    let mut rootfs = Rootfs::default().busybox(&applets);
    for name in [
        "postgres", "initdb", "pg_ctl", "psql", "createdb", "pgbench", "pg_dump",
    ] {
        rootfs = rootfs.program(&format!("{folder}/bin/{name}"));
    }
    let rootfs = rootfs
        .folder(&format!("{folder}/lib"), &["bitcode", "pgxs"])
        .folder(&format!("/usr/share/postgresql/{version}"), &["man"])
        .folder("/usr/share/zoneinfo/Etc", &[])
        .file("load.sh", include_str!("postgres.sh"));
    Workload {
        name: "postgres",
        image: rootfs.import("postgres"),
        command: vec!["/bin/sh", "/load.sh"],
        output: "number of transactions actually processed: 400/400\n200000\n12409\n4\nstopped\n",
    }
}
