//! What lives how long: marks, parameters, memory, limits, and everything that must panic instead of being wrong.

use std::panic::{AssertUnwindSafe, catch_unwind};

use scalar_autograd::{Mark, Parameters, Tape, Value};

fn assert_send<T: Send>() {}

fn discard<T>(_: T) {}

#[test]
fn tapes_and_what_outlives_their_borrows_are_send() {
    assert_send::<Tape<f64>>();
    assert_send::<Tape<f32>>();
    assert_send::<Mark>();
    assert_send::<Parameters>();
    let mut tape = Tape::<f64>::new();
    let weights = tape.parameters(&[2.0]);
    let slope = std::thread::spawn(move || {
        tape.data_mut(weights)[0] = 5.0;
        let w = tape.bind(weights).at(0);
        (w * w).backward().wrt(w)
    });
    assert_eq!(slope.join().unwrap(), 10.0);
}

/// y = x + 1 + 1 + …: recursion this deep would overflow any stack.
#[test]
fn ten_million_nodes_backward() {
    let tape = Tape::<f64>::new();
    let x = tape.value(0.0);
    let y = (0..10_000_000).fold(x, |y, _| y + 1.0);
    assert_eq!((tape.len(), y.data()), (10_000_001, 1e7));
    assert_eq!(y.backward().wrt(x), 1.0);
}

#[test]
fn a_million_nodes_in_the_graph() {
    use scalar_autograd::graph;
    let x = graph::Value::new(0.0);
    let y = (0..1_000_000).fold(x.clone(), |y, _| y + 1.0);
    y.backward();
    assert_eq!((x.grad(), y.data()), (1.0, 1e6));
    drop(y); // a recursive drop would overflow
    assert_eq!(x.children().len(), 0);
}

#[test]
fn a_node_takes_at_most_32_bytes() {
    let tape = Tape::<f64>::new();
    let x = tape.value(1.0001);
    // The tape doubles: at a power of two it is full.
    let mut y = x;
    while tape.len() < 1 << 20 {
        y = if tape.len().is_multiple_of(2) { y * x } else { y + x };
    }
    let gradient = tape.len() * size_of::<f64>();
    assert!(tape.bytes() + gradient <= 32 * tape.len(), "{} bytes for {} nodes", tape.bytes() + gradient, tape.len());
    let single = Tape::<f32>::new();
    single.values(&vec![0.0; 1 << 20]);
    assert!(single.bytes() + single.len() * size_of::<f32>() <= 24 * single.len());
}

#[test]
fn steps_reuse_memory_and_parameters_live_on() {
    let mut tape = Tape::<f64>::new();
    let weights = tape.parameters(&[0.5, -0.25]);
    let mark = tape.mark();
    let mut bytes = Vec::new();
    for step in 0..50 {
        let grads = {
            let (w, x) = (tape.bind(weights), tape.values(&[1.0, 2.0]));
            let loss = (w.dot(x) - 3.0).powi(2) + tape.sum((0..2000).map(|i| w.at(i % 2) * 1e-9));
            loss.backward().of(w)
        };
        tape.truncate(mark);
        for (weight, grad) in tape.data_mut(weights).iter_mut().zip(grads) {
            *weight -= 0.05 * grad;
        }
        bytes.push(tape.bytes());
        assert_eq!(tape.len(), 2, "step {step}");
    }
    assert!(bytes.iter().all(|&b| b == bytes[0]), "{bytes:?}");
    let w = tape.bind(weights).data();
    assert!((w[0] + 2.0 * w[1] - 3.0).abs() < 1e-6, "{w:?}");
}

#[test]
fn marks_and_parameters_below_a_cut_stay_good() {
    let mut tape = Tape::<f64>::new();
    let low = tape.parameters(&[1.0]);
    let middle = tape.mark();
    tape.value(2.0);
    let high = tape.mark();
    tape.value(3.0);
    tape.truncate(high);
    tape.truncate(high);
    assert_eq!(tape.len(), 2);
    tape.truncate(middle);
    tape.truncate(middle);
    assert_eq!(tape.bind(low).data(), [1.0]);
    let again = tape.parameters(&[4.0, 5.0]);
    assert_eq!((again.len(), again.is_empty(), tape.bind(again).data()), (2, false, vec![4.0, 5.0]));
}

#[test]
#[should_panic(expected = "the tape was truncated below these parameters: 1 nodes needed, 0 kept")]
fn parameters_after_a_cut() {
    let mut tape = Tape::<f64>::new();
    let start = tape.mark();
    let weights = tape.parameters(&[1.0]);
    tape.truncate(start);
    tape.value(7.0); // another number at the same place
    tape.bind(weights);
}

#[test]
#[should_panic(expected = "the tape was truncated below these parameters")]
fn parameters_changed_after_a_cut() {
    let mut tape = Tape::<f64>::new();
    let start = tape.mark();
    let weights = tape.parameters(&[1.0]);
    tape.truncate(start);
    tape.parameters(&[7.0]);
    tape.data_mut(weights);
}

#[test]
#[should_panic(expected = "the tape was truncated below this mark: 1 nodes needed, 0 kept")]
fn a_mark_after_a_cut() {
    let mut tape = Tape::<f64>::new();
    let start = tape.mark();
    tape.value(1.0);
    let mark = tape.mark();
    tape.truncate(start);
    tape.values(&[1.0, 2.0, 3.0]);
    tape.truncate(mark);
}

#[test]
#[should_panic(expected = "these parameters came from another tape")]
fn parameters_of_another_tape() {
    let (one, other) = (Tape::<f64>::new(), Tape::<f64>::new());
    other.value(1.0);
    other.bind(one.parameters(&[1.0]));
}

#[test]
#[should_panic(expected = "this mark came from another tape")]
fn a_mark_of_another_tape() {
    let (one, mut other) = (Tape::<f64>::new(), Tape::<f64>::new());
    other.truncate(one.mark());
}

/// A tape that took another's place is another tape.
#[test]
#[should_panic(expected = "these parameters came from another tape")]
fn parameters_of_a_tape_that_was_replaced() {
    let mut tape = Tape::<f64>::new();
    let weights = tape.parameters(&[1.0]);
    tape = Tape::new();
    tape.value(2.0);
    tape.bind(weights);
}

const TWO_TAPES: &str = "values of two tapes cannot meet";

#[test]
fn values_of_two_tapes_never_meet() {
    let (one, other) = (Tape::<f64>::new(), Tape::<f64>::new());
    let (x, y) = (one.value(1.0), other.value(2.0));
    let (xs, ys) = (one.values(&[1.0, 2.0]), other.values(&[3.0, 4.0]));
    let meetings: [(&str, &dyn Fn()); 19] = [
        ("add", &|| discard(x + y)),
        ("sub", &|| discard(x - y)),
        ("mul", &|| discard(x * y)),
        ("div", &|| discard(x / y)),
        ("max", &|| discard(x.max(y))),
        ("min", &|| discard(x.min(y))),
        ("iterator sum", &|| discard([x, y].into_iter().sum::<Value<'_, f64>>())),
        ("sum", &|| discard(one.sum([x, y]))),
        ("dot", &|| discard(one.dot([(x, y)]))),
        ("gather", &|| discard(one.gather([y]))),
        ("concat", &|| discard(one.concat([xs, ys]))),
        ("dot of runs", &|| discard(xs.dot(ys))),
        ("run and run", &|| discard(xs + ys)),
        ("run and value", &|| discard(xs * y)),
        ("rows", &|| discard(xs.dot_each([ys]))),
        ("weights", &|| discard(xs.weighted_sum([ys, ys]))),
        ("gradient", &|| discard(x.backward().wrt(y))),
        ("gradients", &|| discard(x.backward().of(ys))),
        ("second derivative", &|| discard(x.hessian_vector_product(ys, &[1.0, 1.0]))),
    ];
    for (name, meet) in meetings {
        let payload = catch_unwind(AssertUnwindSafe(meet)).expect_err(name);
        let message = payload.downcast_ref::<&str>().copied().unwrap_or("another payload");
        assert!(message.starts_with(TWO_TAPES), "{name}: {message}");
    }
    // And both tapes still work.
    assert_eq!(((x + x).backward().wrt(x), (y * y).backward().wrt(y)), (2.0, 4.0));
}

#[test]
fn a_full_tape_says_so_and_stays_usable() {
    let mut tape = Tape::<f64>::with_limit(3);
    let start = tape.mark();
    {
        let x = tape.values(&[1.0, 2.0]);
        let y = x.at(0) * x.at(1);
        let overflows: [(&str, &dyn Fn()); 5] = [
            ("value", &|| discard(tape.value(1.0))),
            ("operation", &|| discard(y + 1.0)),
            ("sum", &|| discard(x.sum())),
            ("run", &|| discard(x + x)),
            ("values", &|| discard(tape.values(&[1.0, 2.0]))),
        ];
        for (name, overflow) in overflows {
            let payload = catch_unwind(AssertUnwindSafe(overflow)).expect_err(name);
            let message = payload.downcast_ref::<String>().map_or("another payload", String::as_str);
            assert_eq!(message, "the tape is full, it has 3 nodes: truncate it between steps", "{name}");
        }
        assert_eq!((tape.len(), y.backward().of(x)), (3, vec![2.0, 1.0]));
    }
    tape.truncate(start);
    let x = tape.value(5.0);
    assert_eq!((x * 3.0).backward().wrt(x), 3.0);
}

#[test]
fn no_grad_makes_leaves_and_ends_with_its_closure() {
    let tape = Tape::<f64>::new();
    let x = tape.values(&[2.0, 3.0]);
    let (product, dot, run, nested) = tape.no_grad(|| {
        let nested = tape.no_grad(|| x.at(0) * 5.0);
        (x.at(0) * x.at(1), x.dot(x), x.exp(), nested)
    });
    for (value, data) in [(product, 6.0), (dot, 13.0), (run.at(0), 2.0_f64.exp()), (nested, 10.0)] {
        assert_eq!(value.data(), data);
        assert!(value.children().is_empty());
        assert_eq!(value.backward().of(x), [0.0, 0.0]);
    }
    let y = product * x.at(0);
    assert_eq!(y.backward().of(x), [6.0, 0.0]);
}

#[test]
fn no_grad_ends_with_a_panic_too() {
    let tape = Tape::<f64>::new();
    let x = tape.value(2.0);
    let result = catch_unwind(AssertUnwindSafe(|| tape.no_grad(|| panic!("inside"))));
    assert!(result.is_err());
    assert_eq!((x * x).backward().wrt(x), 4.0);
}

#[test]
fn gradients_of_later_nodes_are_zero() {
    let tape = Tape::<f64>::new();
    let x = tape.value(3.0);
    let y = x * x;
    let grads = y.backward();
    let later = tape.values(&[1.0, 2.0]);
    assert_eq!((grads.wrt(later.at(0)), grads.of(later)), (0.0, vec![0.0, 0.0]));
    assert_eq!(grads.of(tape.nodes()), [6.0, 1.0, 0.0, 0.0]);
    // Two gradients at once, and buffers that were used before.
    let (a, b) = (y.backward(), (y * x).backward());
    assert_eq!((a.wrt(x), b.wrt(x)), (6.0, 27.0));
}

/// The example of Griewank & Walther, "Evaluating Derivatives" (2nd edition, 2008), section 1.2:
/// y = (sin(x₁/x₂) + x₁/x₂ − exp(x₂))·(x₁/x₂ − exp(x₂)).
#[test]
fn the_textbook_example() {
    let tape = Tape::<f64>::new();
    let (x1, x2) = (tape.value(1.5), tape.value(0.5));
    let (quotient, exp) = (x1 / x2, x2.exp());
    let y = ((quotient).sin() + quotient - exp) * (quotient - exp);
    let grads = y.backward();
    let (q, e) = (3.0_f64, 0.5_f64.exp());
    let (left, right) = (q.sin() + q - e, q - e);
    let by_q = (q.cos() + 1.0) * right + left;
    let expected = [left * right, by_q / 0.5, -by_q * q / 0.5 - (left + right) * e];
    for (found, expected) in [y.data(), grads.wrt(x1), grads.wrt(x2)].into_iter().zip(expected) {
        assert!((found - expected).abs() <= 8.0 * f64::EPSILON * expected.abs(), "{found} {expected}");
    }
    assert!((y.data() - 2.0167).abs() < 1e-4, "the book's y");
}

#[test]
fn values_compare_print_and_sum() {
    let tape = Tape::<f64>::new();
    let (x, y) = (tape.value(1.0), tape.value(2.0));
    assert!(x < y && x < 1.5 && y > 1.5 && x == 1.0 && x != y && x.partial_cmp(&y).is_some());
    assert_eq!(format!("{y}"), "2");
    assert_eq!(format!("{:?}", x + y), "Value { data: 3.0, index: 2, operation: Add }");
    assert!(format!("{tape:?}").starts_with("Tape { nodes: 3, bytes: "));
    let total: Value<'_, f64> = [x, y, x].into_iter().sum();
    assert_eq!((total.data(), total.children().len()), (4.0, 3));
    let grads = total.backward();
    assert_eq!((grads.wrt(x), grads.wrt(y)), (2.0, 1.0));
}

#[test]
#[should_panic(expected = "a sum of no values has no tape to be on: use Tape::sum")]
fn a_sum_of_nothing() {
    let _: Value<'_, f64> = std::iter::empty::<Value<'_, f64>>().sum();
}

#[test]
#[should_panic(expected = "truncate the tape before changing parameters")]
fn parameters_cannot_change_under_what_was_computed_from_them() {
    let mut tape = Tape::<f64>::new();
    let w = tape.parameters(&[2.0]);
    let _ = tape.bind(w).at(0) * tape.bind(w).at(0);
    tape.data_mut(w)[0] = 5.0;
}

/// The slots of a truncated sum are taken by leaves that were not recorded.
#[test]
fn a_leaf_in_an_old_nodes_place_has_no_children() {
    let mut tape = Tape::<f64>::new();
    let x = tape.parameters(&[1.0; 100]);
    let mark = tape.mark();
    for _ in 0..10 {
        tape.sum(tape.bind(x).iter());
    }
    tape.truncate(mark);
    let leaves: Vec<_> = tape.no_grad(|| (0..10).map(|i| tape.bind(x).at(i) * 2.0).collect());
    for leaf in leaves {
        assert!(leaf.children().is_empty() && leaf.local_gradients().is_empty());
    }
}

#[test]
fn without_recording_neighbours_are_copied_as_strangers_are() {
    let tape = Tape::<f64>::new();
    let x = tape.values(&[1.0, 2.0, 3.0]);
    let (near, far) = tape.no_grad(|| (tape.gather([x.at(0), x.at(1)]), tape.gather([x.at(0), x.at(2)])));
    let whole = tape.no_grad(|| tape.concat([x.slice(0..1), x.slice(1..3)]));
    let y = near.sum() + far.sum() + whole.sum();
    assert_eq!(y, 13.0);
    assert_eq!(y.backward().of(x), [0.0; 3]);
}
