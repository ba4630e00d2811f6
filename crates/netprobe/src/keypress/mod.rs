//! The key press: what a machine does before a program reads a character (Linux).
//!
//! ```text
//!  Enter
//!    │  keyboard ── interrupt ──► a CPU stops what it does         /proc/interrupts: which source, which CPU, how often
//!    │             softirq ─────► the rest of the work, soon        /proc/softirqs
//!    │  driver ──── event ──────► /dev/input/event3                 says when the kernel learnt of it
//!    │  terminal ── character ──► wakes who waits: a context switch /proc/stat, /proc/thread-self/status
//!    ▼
//!  read(2) returns "\r"                                             from here, or from the event, the run's clock counts
//! ```
//!
//! The kernel counts; it does not say which interrupt led to which character. So the counters are read again and again while nobody
//! presses anything, and what was busier around the key than in as long a time before *may* have carried it. On a virtual machine,
//! over ssh, or in a pseudo-terminal there is no keyboard, and [`KeyPress::verdict`] says what else fits: a serial line, the hypervisor's
//! console, the network card, another process.
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use netprobe::{Probe, keypress};
//!
//! // Opened first, so that the key has nothing to wait for.
//! let session = Probe::default().open()?;
//! let pressed = keypress::wait(std::io::stdin(), &keypress::WaitOptions::default())?;
//! let report = session.run_from(&pressed, "www.google.com").await;
//! println!("{}", report.key_press.as_ref().map_or("", |press| &press.verdict));
//! # Ok(())
//! # }
//! ```

#![cfg_attr(not(target_os = "linux"), expect(dead_code, reason = "what counts is Linux alone"))]

mod carrier;
mod counters;
#[cfg(target_os = "linux")]
mod devices;
mod error;
#[cfg(target_os = "linux")]
mod event;
mod report;
#[cfg(target_os = "linux")]
mod sample;
#[cfg(target_os = "linux")]
mod terminal;
#[cfg(target_os = "linux")]
mod wait;

pub use carrier::{Carrier, Kind, Line};
pub use counters::{Counters, Source, TableError, field};
pub use error::KeyPressError;
pub use report::{Change, ContextSwitches, CpuCount, KeyPress, Pressed};
#[cfg(target_os = "linux")]
pub use wait::{WaitOptions, wait};
