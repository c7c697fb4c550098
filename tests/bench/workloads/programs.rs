//! The programs, each a script whose `LOAD` is a number.

/// A program that is measured.
pub(crate) struct Program {
    /// Its name.
    pub(crate) name: &'static str,
    /// The file that its script is in, in the container.
    pub(crate) file: &'static str,
    /// The script.
    pub(crate) text: &'static str,
    /// What runs it there.
    pub(crate) command: &'static [&'static str],
    /// What has to be made of it first, here, beside the file.
    pub(crate) build: &'static [&'static str],
    /// The user that it runs as.
    pub(crate) user: &'static str,
}

/// One that root runs and nothing builds.
const fn program(
    name: &'static str,
    file: &'static str,
    text: &'static str,
    command: &'static [&'static str],
) -> Program {
    Program {
        name,
        file,
        text,
        command,
        build: &[],
        user: "0:0",
    }
}

const NOBODY: &str = "65534:65534";

macro_rules! script {
    ($name:literal, $file:literal) => {
        program(
            $name,
            $file,
            include_str!($file),
            &["bash", concat!("/load/", $file)],
        )
    };
}

/// All of them.
pub(crate) const ALL: &[Program] = &[
    Program {
        build: &["go", "build", "-o", "go.out", "go.go"],
        ..program("go", "go.go", include_str!("go.go"), &["/load/go.out"])
    },
    Program {
        build: &["javac", "-d", ".", "Load.java"],
        ..program(
            "java",
            "Load.java",
            include_str!("Load.java"),
            &["java", "-cp", "/load", "Load"],
        )
    },
    program(
        "node",
        "node.js",
        include_str!("node.js"),
        &["node", "/load/node.js"],
    ),
    program(
        "python",
        "multiprocessing_load.py",
        include_str!("multiprocessing_load.py"),
        &["python3", "/load/multiprocessing_load.py"],
    ),
    Program {
        user: NOBODY,
        ..script!("postgres", "postgres.sh")
    },
    script!("ssh", "ssh.sh"),
    script!("supervisor", "supervisor.sh"),
    script!("nginx", "nginx.sh"),
    script!("redis", "redis.sh"),
    script!("mariadb", "mariadb.sh"),
    script!("haproxy", "haproxy.sh"),
];
