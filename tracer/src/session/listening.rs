//! Listening for signals that ask for an end, from before there is anything to end: a signal between the
//! command's start and the loop's would otherwise end us, and the recording with us.
//!
//! It knows signals; it refuses to know what they end.

use super::watch::SessionError;
use rustix::process::Signal as Number;
use std::future::pending;
use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Signals that ask for an end are kept for the session from here on.
pub struct Listening {
    pub(crate) runtime: Runtime,
    pub(crate) signals: Signals,
}

impl Listening {
    /// Starts to listen.
    ///
    /// # Errors
    ///
    /// [`SessionError::Wait`] if the operating system refuses.
    pub fn start() -> Result<Self, SessionError> {
        let runtime = Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(SessionError::Wait)?;
        let entered = runtime.enter();
        let listen = |kind| signal(kind).map_err(SessionError::Wait);
        let signals = Signals {
            interrupt: listen(SignalKind::interrupt())?,
            terminate: listen(SignalKind::terminate())?,
            hangup: match is_hangup_ignored() {
                true => None,
                false => Some(listen(SignalKind::hangup())?),
            },
        };
        drop(entered);
        Ok(Self { runtime, signals })
    }
}

/// The signals that ask for an end.
pub(crate) struct Signals {
    interrupt: Signal,
    terminate: Signal,
    hangup: Option<Signal>,
}

impl Signals {
    /// Waits for the next.
    pub(crate) async fn next(&mut self) -> Number {
        let hangup = async {
            match &mut self.hangup {
                Some(hangup) => hangup.recv().await,
                None => pending().await,
            }
        };
        tokio::select! {
            _ = self.interrupt.recv() => Number::INT,
            _ = self.terminate.recv() => Number::TERM,
            _ = hangup => Number::HUP,
        }
    }
}

/// Whether we were started to outlive the terminal, as by `nohup`.
fn is_hangup_ignored() -> bool {
    let status = procfs::process::Process::myself().and_then(|own| own.status());
    status.is_ok_and(|status| status.sigign >> (Number::HUP.as_raw() - 1) & 1 == 1)
}
