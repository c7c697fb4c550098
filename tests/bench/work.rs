//! The calls that are timed: what a worker does, without a library in between.

use std::arch::asm;
use std::fmt;
use std::str::FromStr;
use std::sync::Barrier;
use std::thread;
use std::time::Instant;

const READ: u32 = 0;
const WRITE: u32 = 1;
const MMAP: u32 = 9;
const MUNMAP: u32 = 11;
const IOCTL: u32 = 16;
const SOCKET: u32 = 41;
const FCNTL: u32 = 72;
const GETPPID: u32 = 110;
const FUTEX: u32 = 202;
const NFSSERVCTL: u32 = 180;

const FIONREAD: u64 = 0x541B;
const F_GETFL: u64 = 3;
const FUTEX_WAKE_PRIVATE: u64 = 129;
const PAGE: u64 = 4096;
const READ_WRITE: u64 = 3;
const PRIVATE_ANONYMOUS: u64 = 0x22;

/// A kind of work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Work {
    /// `getppid`: no argument of it is tracked.
    Untracked,
    /// `fcntl(-1, F_GETFD)`: one tracked argument, always the same.
    Tracked,
    /// `socket(99, 1, 0)`: three tracked arguments, always the same.
    TrackedThree,
    /// What a server does: ioctl, fcntl, futex, mmap, munmap, read, write; four of the seven are tracked.
    Mix,
    /// `nfsservctl`: no filter permits it, and the kernel no longer has it.
    Refused,
}

impl Work {
    /// All of them.
    pub(crate) const ALL: [Self; 5] = [
        Self::Untracked,
        Self::Tracked,
        Self::TrackedThree,
        Self::Mix,
        Self::Refused,
    ];

    /// Those that filters are timed with.
    pub(crate) const FILTERED: [Self; 5] = Self::ALL;

    /// Its name towards workers and in files.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Untracked => "getppid",
            Self::Tracked => "fcntl",
            Self::TrackedThree => "socket",
            Self::Mix => "mix",
            Self::Refused => "nfsservctl",
        }
    }

    /// In words.
    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::Untracked => "getppid: nothing tracked",
            Self::Tracked => "fcntl: one argument tracked",
            Self::TrackedThree => "socket: three arguments tracked",
            Self::Mix => "mix of seven, four tracked",
            Self::Refused => "nfsservctl: refused",
        }
    }

    /// In words that say nothing of tracking.
    pub(crate) fn plain_words(self) -> &'static str {
        match self {
            Self::Mix => "mix of seven",
            Self::Refused => "nfsservctl, which is refused",
            _ => self.name(),
        }
    }

    /// Its calls: numbers, and those of the first four arguments that do not differ from one time to the next.
    pub(crate) fn calls(self) -> &'static [(u32, [u64; 4])] {
        match self {
            Self::Untracked => &[(GETPPID, [0; 4])],
            Self::Tracked => &[(FCNTL, [u64::MAX, 1, 0, 0])],
            Self::TrackedThree => &[(SOCKET, [99, 1, 0, 0])],
            Self::Mix => &[
                (IOCTL, [0, FIONREAD, 0, 0]),
                (FCNTL, [0, F_GETFL, 0, 0]),
                (FUTEX, [0, FUTEX_WAKE_PRIVATE, 1, 0]),
                (MMAP, [0, PAGE, READ_WRITE, PRIVATE_ANONYMOUS]),
                (MUNMAP, [0, PAGE, 0, 0]),
                (READ, [0, 0, 1, 0]),
                (WRITE, [0, 0, 1, 0]),
            ],
            Self::Refused => &[(NFSSERVCTL, [0; 4])],
        }
    }

    /// Calls in a batch: few enough that most batches are not interrupted.
    pub(crate) fn batch_len(self) -> u32 {
        match self {
            Self::Untracked | Self::Tracked | Self::TrackedThree | Self::Refused => 1000,
            Self::Mix => 700,
        }
    }
}

impl fmt::Display for Work {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Work {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|work| work.name() == name);
        found.ok_or_else(|| format!("no work is called `{name}`"))
    }
}

/// The nanoseconds per call of the fastest of so many batches. Whatever disturbs a batch makes it slower, so
/// the fastest was disturbed least.
pub(crate) fn fastest_ns(work: Work, batches: u32) -> f64 {
    let hands = Hands::new();
    let batch = |_| time_ns(&hands, work);
    (0..batches).map(batch).fold(f64::INFINITY, f64::min)
}

/// The same on two CPUs at once: the mean of both in the fastest batch.
pub(crate) fn fastest_of_pair_ns(work: Work, batches: u32, cpus: [usize; 2]) -> f64 {
    let barrier = Barrier::new(cpus.len());
    let times: Vec<Vec<f64>> = thread::scope(|scope| {
        let threads = cpus.map(|cpu| {
            let barrier = &barrier;
            scope.spawn(move || {
                super::worker::pin(cpu);
                let hands = Hands::new();
                let batch = |_| {
                    barrier.wait();
                    // Waking from the barrier takes one of the two longer; both are busy after this.
                    time_ns(&hands, work);
                    time_ns(&hands, work)
                };
                (0..batches).map(batch).collect()
            })
        });
        let times = threads.map(|thread| thread.join().expect("a worker's thread"));
        times.into()
    });
    let means = times[0].iter().zip(&times[1]).map(|(a, b)| (a + b) / 2.0);
    means.fold(f64::INFINITY, f64::min)
}

fn time_ns(hands: &Hands, work: Work) -> f64 {
    let start = Instant::now();
    hands.batch(work);
    let elapsed = start.elapsed();
    elapsed.as_secs_f64() * 1e9 / f64::from(work.batch_len())
}

/// What the mix works on.
struct Hands {
    pipe: [i32; 2],
}

impl Hands {
    fn new() -> Self {
        let mut pipe = [0; 2];
        // SAFETY: an array of two descriptors.
        let made = unsafe { libc::pipe(pipe.as_mut_ptr()) };
        assert_eq!(made, 0, "no pipe");
        let hands = Self { pipe };
        let byte = 0_u8;
        call(WRITE, [hands.descriptor(1), (&raw const byte) as u64, 1, 0]);
        hands
    }

    fn descriptor(&self, end: usize) -> u64 {
        u64::try_from(self.pipe[end]).expect("a descriptor")
    }

    fn batch(&self, work: Work) {
        let calls = work.batch_len();
        match work {
            Work::Untracked | Work::Tracked | Work::TrackedThree | Work::Refused => {
                let (number, arguments) = work.calls()[0];
                (0..calls).for_each(|_| {
                    call(number, arguments);
                });
            }
            Work::Mix => (0..calls / 7).for_each(|_| self.seven()),
        }
    }

    fn seven(&self) {
        let (reader, writer) = (self.descriptor(0), self.descriptor(1));
        let word = 0_u32;
        let mut byte = 0_u8;
        call(IOCTL, [reader, FIONREAD, (&raw const word) as u64, 0]);
        call(FCNTL, [reader, F_GETFL, 0, 0]);
        call(FUTEX, [(&raw const word) as u64, FUTEX_WAKE_PRIVATE, 1, 0]);
        // The descriptor that is passed with an anonymous mapping does not matter.
        let page = call(MMAP, [0, PAGE, READ_WRITE, PRIVATE_ANONYMOUS]);
        call(MUNMAP, [page, PAGE, 0, 0]);
        call(READ, [reader, (&raw mut byte) as u64, 1, 0]);
        call(WRITE, [writer, (&raw const byte) as u64, 1, 0]);
    }
}

impl Drop for Hands {
    fn drop(&mut self) {
        for descriptor in self.pipe {
            // SAFETY: our own descriptors, not used after this.
            unsafe { libc::close(descriptor) };
        }
    }
}

/// Makes a call and gives what it answers.
#[inline(always)]
fn call(number: u32, arguments: [u64; 4]) -> u64 {
    let answer;
    // SAFETY: the callers pass only pointers to live variables, to calls that keep to them.
    unsafe {
        asm!(
            "syscall",
            inlateout("rax") u64::from(number) => answer,
            in("rdi") arguments[0],
            in("rsi") arguments[1],
            in("rdx") arguments[2],
            in("r10") arguments[3],
            in("r8") 0_u64,
            in("r9") 0_u64,
            lateout("rcx") _,
            lateout("r11") _,
            options(nostack),
        );
    }
    answer
}
