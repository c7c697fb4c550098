//! Listening for signals, from before there is anything to end: a signal between the command's start and the loop's
//! would otherwise end us, and the recording with us.
//!
//! Three kinds are told apart: those that ask for an end, those that people send to a command, and those that
//! would only end us. It knows signals; it refuses to know what they end.

use super::deaf::{Hearing, watch_over};
use super::watch::SessionError;
use rustix::process::Signal as Number;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::oneshot;

/// What asks for an end: the user, the terminal's end, a service manager, the limit on processor time.
const ENDING: [Number; 5] = [
    Number::INT,
    Number::TERM,
    Number::HUP,
    Number::QUIT,
    Number::XCPU,
];

/// What is meant for the command, if there is one.
const PASSED: [Number; 2] = [Number::USR1, Number::USR2];

/// What would end us, by a handler's absence only. A handler, and not to ignore them, since the command would
/// inherit that. `XFSZ` makes a write fail instead.
const HARMLESS: [Number; 7] = [
    Number::ALARM,
    Number::VTALARM,
    Number::PROF,
    Number::XFSZ,
    Number::IO,
    Number::POWER,
    Number::STKFLT,
];

/// How often we show that we hear.
const SHOW: Duration = Duration::from_millis(50);

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
        super::room::check().map_err(SessionError::Wait)?;
        let runtime = Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(SessionError::Wait)?;
        let entered = runtime.enter();
        let listen = |which: Number| {
            let kind = SignalKind::from_raw(which.as_raw());
            let signal = signal(kind).map_err(SessionError::Wait)?;
            Ok((which, signal))
        };
        let ignored = ignored();
        let is_heeded = |which: Number| {
            let always = [Number::INT, Number::TERM].contains(&which);
            always || ignored >> (which.as_raw() - 1) & 1 == 0
        };
        let listen_to = |numbers: &[Number]| -> Result<Vec<_>, SessionError> {
            let heeded = numbers.iter().filter(|&&which| is_heeded(which));
            heeded.map(|&which| listen(which)).collect()
        };
        let signals = Signals {
            ending: listen_to(&ENDING)?,
            passed: listen_to(&PASSED)?,
            hearing: Arc::default(),
        };
        // Their handlers stay when nobody listens any more.
        listen_to(&HARMLESS).map(drop)?;
        drop(entered);
        Ok(Self { runtime, signals })
    }

    /// Sees to it that a signal that asks for an end brings one even where we are stuck: with a terminal that does not
    /// scroll, or a file system that does not answer.
    ///
    /// # Errors
    ///
    /// [`SessionError::Wait`] if the operating system refuses.
    pub fn never_deaf(self) -> Result<Self, SessionError> {
        let entered = self.runtime.enter();
        let numbers = self.signals.ending.iter().map(|&(which, _)| which);
        watch_over(numbers.collect(), self.signals.hearing.clone()).map_err(SessionError::Wait)?;
        drop(entered);
        Ok(self)
    }

    /// Does something that may take as long as others like, like writing into a pipe, and gives it up for a signal that
    /// asks for an end: then nobody waits for it any more.
    ///
    /// # Errors
    ///
    /// The signal, or [`SessionError::Wait`] if the operating system refuses.
    pub fn unless_asked<T: Send + 'static>(
        &mut self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<Result<T, Number>, SessionError> {
        let (sender, done) = oneshot::channel();
        let thread = std::thread::Builder::new().name("writer".to_owned());
        let started = thread.spawn(move || {
            // Nobody may wait any more.
            let _ = sender.send(work());
        });
        started.map_err(SessionError::Wait)?;
        let Self { runtime, signals } = self;
        let lost = || SessionError::Wait(io::Error::other("a thread ended without a word"));
        runtime.block_on(async {
            tokio::pin!(done);
            loop {
                tokio::select! {
                    done = &mut done => return done.map(Ok).map_err(|_| lost()),
                    which = signals.next() => return Ok(Err(which)),
                    () = tokio::time::sleep(SHOW) => signals.hearing.show(),
                }
            }
        })
    }
}

/// The signals that are heard.
pub(crate) struct Signals {
    ending: Vec<(Number, Signal)>,
    passed: Vec<(Number, Signal)>,
    hearing: Arc<Hearing>,
}

impl Signals {
    /// Waits for the next that asks for an end.
    pub(crate) async fn next(&mut self) -> Number {
        let which = any(&mut self.ending).await;
        self.hearing.hear();
        which
    }

    /// Waits for the next of any kind, and says whether it asks for an end.
    pub(crate) async fn next_of_all(&mut self) -> (Number, bool) {
        let Self {
            ending,
            passed,
            hearing,
        } = self;
        tokio::select! {
            which = any(ending) => {
                hearing.hear();
                (which, true)
            }
            which = any(passed) => (which, false),
        }
    }

    /// Says that signals would be heard.
    pub(crate) fn show(&self) {
        self.hearing.show();
    }
}

/// Waits for any of these.
pub(super) async fn any(signals: &mut [(Number, Signal)]) -> Number {
    std::future::poll_fn(|context| {
        let ready = |(which, signal): &mut (Number, Signal)| {
            signal.poll_recv(context).is_ready().then_some(*which)
        };
        match signals.iter_mut().find_map(ready) {
            Some(which) => std::task::Poll::Ready(which),
            None => std::task::Poll::Pending,
        }
    })
    .await
}

/// The signals that we were started not to heed, as by `nohup`, which lets us outlive the terminal.
fn ignored() -> u64 {
    let status = procfs::process::Process::myself().and_then(|own| own.status());
    status.map_or(0, |status| status.sigign)
}
