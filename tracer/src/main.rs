//! The program; everything is in the library.

fn main() -> std::process::ExitCode {
    seccomp_tracer::main()
}
