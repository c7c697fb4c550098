//! The product, built as part of the test package so that tests find it.
fn main() -> std::process::ExitCode {
    seccomp_tracer::main()
}
