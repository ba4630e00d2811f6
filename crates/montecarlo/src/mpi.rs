//! Many machines (feature `mpi`): a [`Team`] whose ranks are the processes that `mpirun` started.
//!
//! ```no_run
//! use montecarlo::mpi::World;
//! use montecarlo::{Domain, Integrator, Plan, Sobol};
//!
//! let world = World::open().expect("MPI starts once in a process");
//! let mut plan = Plan { team: Some(&world), ..Plan::default() };
//! // Every rank gets the same estimate, to the last bit, and the one that a single process would get.
//! let estimate = Sobol::default().integrate_with(&Domain::unit(3), &mut plan, |x| x[0] * x[1] * x[2])?;
//! # Ok::<(), montecarlo::Error>(())
//! ```

use mpi::datatype::PartitionMut;
use mpi::environment::Universe;
use mpi::topology::SimpleCommunicator;
use mpi::traits::{Communicator, CommunicatorCollectives};

use crate::Team;

/// Numbers of one message: MPI counts them in 31 bits.
const MESSAGE_MAX: usize = 1 << 26;

/// All processes of this run. MPI ends when it is dropped.
pub struct World {
    communicator: SimpleCommunicator,
    _universe: Universe,
}

impl World {
    /// Starts MPI; `None` if it has been started in this process before.
    #[must_use]
    pub fn open() -> Option<Self> {
        let universe = mpi::initialize()?;
        Some(Self { communicator: universe.world(), _universe: universe })
    }
}

impl Team for World {
    fn rank(&self) -> usize {
        self.communicator.rank().unsigned_abs() as usize
    }

    fn size(&self) -> usize {
        self.communicator.size().unsigned_abs() as usize
    }

    fn gather(&self, mine: &[f64], lengths: &[usize]) -> Vec<f64> {
        let part_max = MESSAGE_MAX / self.size();
        let mut of_ranks: Vec<Vec<f64>> = lengths.iter().map(|&length| Vec::with_capacity(length)).collect();
        let longest = lengths.iter().copied().max().unwrap_or(0);
        // Long messages go in parts, each rank's next share in every one.
        for start in (0..longest.max(1)).step_by(part_max) {
            let share = |length: usize| length.clamp(start, start + part_max) - start;
            let counts: Vec<i32> = lengths.iter().map(|&length| share(length) as i32).collect();
            let starts: Vec<i32> =
                counts.iter().scan(0, |sum, count| Some(std::mem::replace(sum, *sum + count))).collect();
            let mut all = vec![0.0; counts.iter().sum::<i32>() as usize];
            let from = start.min(mine.len());
            let part = &mine[from..from + share(mine.len())];
            let mut places = PartitionMut::new(&mut all[..], &counts[..], &starts[..]);
            self.communicator.all_gather_varcount_into(part, &mut places);
            for ((rank, &start), &count) in of_ranks.iter_mut().zip(&starts).zip(&counts) {
                rank.extend_from_slice(&all[start as usize..(start + count) as usize]);
            }
        }
        of_ranks.concat()
    }
}
