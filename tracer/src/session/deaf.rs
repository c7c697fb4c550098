//! The end of those who do not hear: a thread that ends us where nobody else answers a signal.
//!
//! Whoever waits in a call of the operating system, as for somebody who reads what we say, takes no signals in. It
//! knows whether somebody hears; it refuses to know what they do.

use super::listening::any;
use rustix::process::Signal as Number;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::runtime::Builder;
use tokio::signal::unix::{SignalKind, signal};

/// How long nobody may answer. A busy machine may take its time.
const PATIENCE: Duration = Duration::from_secs(5);

/// The stack of a thread that does next to nothing.
const STACK_BYTES: usize = 256 << 10;

/// Whether signals are heard.
#[derive(Debug, Default)]
pub(super) struct Hearing {
    /// How many were.
    heard: AtomicU64,
    /// How often it was shown that they would be.
    shown: AtomicU64,
}

impl Hearing {
    /// One was.
    pub(super) fn hear(&self) {
        self.heard.fetch_add(1, Ordering::Relaxed);
    }

    /// One would be.
    pub(super) fn show(&self) {
        self.shown.fetch_add(1, Ordering::Relaxed);
    }

    fn now(&self) -> (u64, u64) {
        (
            self.heard.load(Ordering::Relaxed),
            self.shown.load(Ordering::Relaxed),
        )
    }
}

/// Starts the thread.
pub(super) fn watch_over(numbers: Vec<Number>, hearing: Arc<Hearing>) -> io::Result<()> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let entered = runtime.enter();
    let listen = |which: Number| {
        let kind = SignalKind::from_raw(which.as_raw());
        signal(kind).map(|signal| (which, signal))
    };
    let signals: io::Result<Vec<_>> = numbers.into_iter().map(listen).collect();
    let mut signals = signals?;
    drop(entered);
    let thread = std::thread::Builder::new()
        .name("signals".to_owned())
        .stack_size(STACK_BYTES);
    let watch = move || {
        runtime.block_on(async {
            // What had been heard when it was last looked at: who hears may hear it before us.
            let mut heard = 0;
            loop {
                let which = any(&mut signals).await;
                let (_, shown) = hearing.now();
                tokio::time::sleep(PATIENCE).await;
                let now = hearing.now();
                if now == (heard, shown) {
                    die(which);
                }
                heard = now.0;
            }
        });
    };
    thread.spawn(watch).map(drop)
}

/// Does what the signal does to those who do not handle it.
fn die(which: Number) {
    let number = which.as_raw();
    // SAFETY: restores the default, which needs no handler.
    unsafe { libc::signal(number, libc::SIG_DFL) };
    // SAFETY: a call without pointers, to ourselves.
    unsafe { libc::raise(number) };
}
