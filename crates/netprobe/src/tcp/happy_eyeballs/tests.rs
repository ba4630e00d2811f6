use super::*;

const DELAY: Duration = Duration::from_millis(250);
const LIMIT: Duration = Duration::from_secs(10);

fn target(last: u8) -> SocketAddr {
    SocketAddr::from(([192, 0, 2, last], 443))
}

/// Connects after so many milliseconds, or fails after so many.
async fn play(after_ms: u64, fails: bool) -> io::Result<u64> {
    tokio::time::sleep(Duration::from_millis(after_ms)).await;
    if fails { Err(io::ErrorKind::ConnectionRefused.into()) } else { Ok(after_ms) }
}

fn initial(outcome: &Outcome) -> char {
    match outcome {
        Outcome::Connected => 'c',
        Outcome::Abandoned => 'a',
        Outcome::TimedOut => 't',
        Outcome::Withdrawn => 'w',
        Outcome::Failed(_) => 'f',
    }
}

/// Start and duration of each attempt in milliseconds, its outcome's initial, and the winner.
async fn summary(plays: &[(u64, bool)]) -> (Vec<(u64, u64, char)>, Option<usize>) {
    let targets: Vec<SocketAddr> = (1..).zip(plays).map(|(last, _)| target(last)).collect();
    let script = |address: SocketAddr| {
        let index = targets.iter().position(|target| *target == address).expect("a target");
        play(plays[index].0, plays[index].1)
    };
    let (attempts, winner) = race(&targets, DELAY, LIMIT, &Clock::start(), script).await;
    let line = |attempt: &Attempt| {
        let outcome = initial(&attempt.outcome);
        // Tokio's timer ticks once a millisecond.
        (attempt.span.start_ns / 1_000_000, attempt.span.duration_ns / 1_000_000, outcome)
    };
    (attempts.iter().map(line).collect(), winner.map(|(index, _)| index))
}

fn close(left: &[(u64, u64, char)], right: &[(u64, u64, char)]) -> bool {
    let near = |a: u64, b: u64| a.abs_diff(b) <= 4;
    left.len() == right.len() && left.iter().zip(right).all(|(a, b)| near(a.0, b.0) && near(a.1, b.1) && a.2 == b.2)
}

#[tokio::test(start_paused = true)]
async fn the_next_begins_when_the_first_is_slow_or_has_failed() {
    for (plays, expected, expected_winner) in [
        (&[(20, false), (20, false)][..], &[(0, 20, 'c')][..], Some(0)),
        (&[(400, false), (20, false)], &[(0, 270, 'a'), (250, 20, 'c')], Some(1)),
        (&[(300, false), (200, false)], &[(0, 300, 'c'), (250, 50, 'a')], Some(0)),
        (&[(10, true), (20, false)], &[(0, 10, 'f'), (10, 20, 'c')], Some(1)),
        (&[(10, true), (20, true)], &[(0, 10, 'f'), (10, 20, 'f')], None),
        (&[(60_000, false), (300, true), (5, false)], &[(0, 505, 'a'), (250, 255, 'a'), (500, 5, 'c')], Some(2)),
        (&[(60_000, false), (60_000, false)], &[(0, 10_000, 't'), (250, 9_750, 't')], None),
        (&[], &[], None),
    ] {
        let (attempts, winner) = summary(plays).await;
        assert!(close(&attempts, expected), "{plays:?}: {attempts:?}, not {expected:?}");
        assert_eq!(winner, expected_winner, "{plays:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn no_delay_is_too_long() {
    let targets = [target(1), target(2)];
    let (attempts, winner) = race(&targets, Duration::MAX, Duration::MAX, &Clock::start(), |_| play(20, true)).await;
    assert_eq!((attempts.len(), winner), (2, None));
}

#[test]
fn families_alternate_and_the_first_ones_begins() {
    let parse = |list: &str| list.split(' ').map(|one| one.parse().expect("an address")).collect::<Vec<IpAddr>>();
    let order = interleave(&parse("::1 ::2 ::3 10.0.0.1 10.0.0.2"));
    assert_eq!(order, parse("::1 10.0.0.1 ::2 10.0.0.2 ::3"));
    assert_eq!(interleave(&parse("10.0.0.1 10.0.0.2 ::1")), parse("10.0.0.1 ::1 10.0.0.2"));
    assert!(interleave(&[]).is_empty());
}

/// Hints that are played like this, and the addresses that come after so many milliseconds.
async fn hinted(hints: &[u8], after_ms: u64, known: Option<&[u8]>) -> (Vec<(u8, char)>, Option<u8>) {
    let targets = |all: &[u8]| all.iter().map(|last| target(*last)).collect::<Vec<_>>();
    let known = async {
        tokio::time::sleep(Duration::from_millis(after_ms)).await;
        known.map(targets)
    };
    let last = |address: SocketAddr| match address.ip() {
        IpAddr::V4(address) => address.octets()[3],
        IpAddr::V6(_) => 0,
    };
    // 9 never answers, 8 refuses, the rest takes 20 ms.
    let script = |address: SocketAddr| match last(address) {
        9 => play(3_600_000, false),
        8 => play(20, true),
        _ => play(20, false),
    };
    let (attempts, winner) = race_hinted(&targets(hints), Some(known), DELAY, LIMIT, &Clock::start(), script).await;
    let address = winner.map(|(index, _)| last(attempts[index].address));
    (attempts.iter().map(|attempt| (last(attempt.address), initial(&attempt.outcome))).collect(), address)
}

#[tokio::test(start_paused = true)]
async fn hints_run_until_the_addresses_are_known() {
    for (hints, after_ms, known, expected, expected_winner) in [
        // Right, and connected before or after it is known to be.
        (&[1][..], 50, Some(&[1, 2][..]), &[(1, 'c')][..], Some(1)),
        (&[1], 5, Some(&[2, 1]), &[(1, 'c')], Some(1)),
        // Wrong: connected, silent, refused.
        (&[1], 50, Some(&[2]), &[(1, 'w'), (2, 'c')], Some(2)),
        (&[9], 50, Some(&[2]), &[(9, 'w'), (2, 'c')], Some(2)),
        (&[8], 50, Some(&[2]), &[(8, 'f'), (2, 'c')], Some(2)),
        // One of two is right; it lost against the other.
        (&[9, 1, 2], 800, Some(&[9, 2]), &[(9, 'a'), (1, 'w'), (9, 'a'), (2, 'c')], Some(2)),
        // Nobody knows: the hint stands, if somebody is there.
        (&[1], 50, None, &[(1, 'c')], Some(1)),
        (&[8], 50, None, &[(8, 'f')], None),
        (&[9], 50, None, &[(9, 't')], None),
        (&[9], 50, Some(&[]), &[(9, 'w')], None),
        // No hint, and time for the addresses from when they are there.
        (&[], 20_000, Some(&[1]), &[(1, 'c')], Some(1)),
    ] {
        let (attempts, winner) = hinted(hints, after_ms, known).await;
        assert_eq!((attempts.as_slice(), winner), (expected, expected_winner), "{hints:?} {after_ms} {known:?}");
    }
}
