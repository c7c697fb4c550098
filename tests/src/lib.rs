//! Helpers of the tests: everything that lets a test read like a script.
//!
//! The tests know the product from outside: its program, its files, its exit codes. They use the product's
//! library only to read recordings, because a second reader would test itself.

pub mod cgroup;
pub mod daemon;
pub mod docker;
pub mod facts;
pub mod figures;
pub mod filter;
pub mod image;
pub mod judge;
pub mod load;
pub mod run;
pub mod strace;
pub mod suite;
pub mod verdict;
pub mod witness;

/// Path of the product, built with the tests.
#[macro_export]
macro_rules! product {
    () => {
        env!("CARGO_BIN_EXE_seccomp-tracer-dup")
    };
}

/// Test functions by name, for [`suite::Suite::tests`].
#[macro_export]
macro_rules! tests {
    ($($test:ident),+ $(,)?) => {
        [$((stringify!($test), $test as fn())),+]
    };
}
