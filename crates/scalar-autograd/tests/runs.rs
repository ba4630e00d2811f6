//! Runs of values: each operation on a run is, number for number, the same operation on each element.

use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use scalar_autograd::{Operation, Tape, Value, Values};

fn config() -> ProptestConfig {
    ProptestConfig { cases: 300, rng_seed: RngSeed::Fixed(0xa11), failure_persistence: None, ..Default::default() }
}

/// A function of runs, the same function element by element, and the operation that each element must show.
type Elementwise = (
    for<'t> fn(Values<'t, f64>, Values<'t, f64>) -> Values<'t, f64>,
    for<'t> fn(Value<'t, f64>, Value<'t, f64>, Value<'t, f64>) -> Value<'t, f64>,
);

const ELEMENTWISE: &[Elementwise] = &[
    (|x, y| x + y, |x, y, _| x + y),
    (|x, y| x - y, |x, y, _| x - y),
    (|x, y| x * y, |x, y, _| x * y),
    (|x, y| x / y, |x, y, _| x / y),
    (|x, y| x + y.at(0), |x, _, y| x + y),
    (|x, y| x - y.at(0), |x, _, y| x - y),
    (|x, y| x * y.at(0), |x, _, y| x * y),
    (|x, y| x / y.at(0), |x, _, y| x / y),
    (|x, _| x + 3.0, |x, _, _| x + 3.0),
    (|x, _| x - 3.0, |x, _, _| x - 3.0),
    (|x, _| x * 3.0, |x, _, _| x * 3.0),
    (|x, _| x / 3.0, |x, _, _| x / 3.0),
    (|x, _| -x, |x, _, _| -x),
    (|x, _| x.powf(1.7), |x, _, _| x.powf(1.7)),
    (|x, _| x.powi(3), |x, _, _| x.powi(3)),
    (|x, _| x.exp(), |x, _, _| x.exp()),
    (|x, _| x.ln(), |x, _, _| x.ln()),
    (|x, _| x.sqrt(), |x, _, _| x.sqrt()),
    (|x, _| x.tanh(), |x, _, _| x.tanh()),
    (|x, _| x.sigmoid(), |x, _, _| x.sigmoid()),
    (|x, _| x.relu(), |x, _, _| x.relu()),
    (|x, _| x.abs(), |x, _, _| x.abs()),
    (|x, _| x.sin(), |x, _, _| x.sin()),
    (|x, _| x.cos(), |x, _, _| x.cos()),
];

proptest! {
    #![proptest_config(config())]

    #[test]
    fn elementwise(x in prop::collection::vec(0.1..4.0, 1..9), y in prop::collection::vec(0.1..4.0, 9)) {
        for (i, (of_runs, of_elements)) in ELEMENTWISE.iter().enumerate() {
            let tape = Tape::new();
            let (x, y) = (tape.values(&x), tape.values(&y[..x.len()]));
            let run = of_runs(x, y);
            let elements: Vec<_> = x.iter().zip(y.iter()).map(|(x, y_i)| of_elements(x, y_i, y.at(0))).collect();
            prop_assert_eq!(run.data(), elements.iter().map(|z| z.data()).collect::<Vec<_>>(), "operation {}", i);
            let (a, b) = (run.sum().backward(), tape.sum(elements.iter().copied()).backward());
            prop_assert_eq!(a.of(x), b.of(x), "operation {}", i);
            prop_assert_eq!(a.of(y), b.of(y), "operation {}", i);
            for (z, element) in run.iter().zip(&elements) {
                prop_assert_eq!(z.operation(), element.operation());
                prop_assert_eq!(z.children(), element.children());
                prop_assert_eq!(z.local_gradients(), element.local_gradients());
            }
        }
    }

    /// Matrix times vector and vector times matrix, against single dot products of lists; whole numbers, so that no order
    /// of addition rounds.
    #[test]
    fn products(rows in 0..10_usize, columns in 1..7_usize, seed in any::<u32>(), skip in any::<u16>()) {
        let number = |i: usize| f64::from((seed.wrapping_mul(2 * i as u32 + 1) >> 9) % 17) - 8.0;
        let numbers = |from: usize, count: usize| (from..from + count).map(number).collect::<Vec<_>>();
        let tape = Tape::new();
        let matrix = tape.values(&numbers(0, rows * columns));
        let (x, w) = (tape.values(&numbers(100, columns)), tape.values(&numbers(200, rows)));
        let row = |i: usize| matrix.slice(i * columns..(i + 1) * columns);
        let outputs = tape.concat([x.dot_each((0..rows).map(row)), w.weighted_sum((0..rows).map(row))]);
        let mut pairs: Vec<Vec<_>> = (0..rows).map(|i| row(i).iter().zip(x.iter()).collect()).collect();
        if rows > 0 {
            pairs.extend((0..columns).map(|j| w.iter().zip((0..rows).map(|i| row(i).at(j))).collect()));
        }
        let lists: Vec<_> = pairs.iter().map(|pairs| tape.dot(pairs.iter().copied())).collect();
        prop_assert_eq!(outputs.data(), lists.iter().map(|z| z.data()).collect::<Vec<_>>());
        // Some outputs count twice, and some not at all.
        let weight = |i: usize| f64::from(skip >> (i % 15) & 3);
        let weighted = |(i, z): (usize, Value<'_, f64>)| (z.index(), weight(i));
        let loss = tape.sum(outputs.iter().enumerate().map(|(i, z)| z * weight(i)));
        let oracle = tape.sum(lists.iter().enumerate().map(|(i, &z)| z * weight(i)));
        let (a, b) = (loss.backward(), oracle.backward());
        for leaves in [matrix, x, w] {
            prop_assert_eq!(a.of(leaves), b.of(leaves));
        }
        for (i, (z, list)) in outputs.iter().zip(&lists).enumerate() {
            prop_assert_eq!(z.operation(), Operation::Dot);
            let mut known: Vec<_> = z.children().iter().map(|child| child.index()).zip(z.local_gradients()).map(|(i, g)| (i, g as i64)).collect();
            let mut expected: Vec<_> = list.children().iter().map(|child| child.index()).zip(list.local_gradients()).map(|(i, g)| (i, g as i64)).collect();
            known.sort_unstable();
            expected.sort_unstable();
            prop_assert_eq!(known, expected);
            // Each output alone, from inside its group.
            let (a, b) = (z.backward(), list.backward());
            prop_assert_eq!((a.of(matrix), a.of(x), a.of(w)), (b.of(matrix), b.of(x), b.of(w)), "output {}", weighted((i, z)).0);
        }
        // Second derivatives take the same nodes another way.
        let (square, oracle) = (outputs.dot(outputs), tape.dot(lists.iter().map(|&z| (z, z))));
        let direction = numbers(300, matrix.len());
        prop_assert_eq!(
            square.hessian_vector_product(matrix, &direction),
            oracle.hessian_vector_product(matrix, &direction)
        );
    }
}

#[test]
fn empty_runs_and_lists() {
    let tape = Tape::<f64>::new();
    let none = tape.values(&[]);
    assert!(none.is_empty() && (none + 1.0).is_empty() && none.exp().data().is_empty());
    for zero in [none.sum(), none.dot(none), tape.sum([]), tape.dot([])] {
        assert_eq!(zero.data(), 0.0);
        assert!(zero.children().is_empty() && zero.local_gradients().is_empty());
        assert_eq!(zero.backward().wrt(zero), 1.0);
    }
    assert!(tape.gather([]).is_empty() && tape.concat([none, none]).is_empty());
    assert!(none.dot_each([]).is_empty() && none.weighted_sum([]).is_empty());
    assert_eq!(none.dot_each([none, none]).data(), [0.0, 0.0]);
}

#[test]
fn neighbours_are_used_as_they_are_and_strays_are_repeated() {
    let tape = Tape::<f64>::new();
    let x = tape.values(&[1.0, 2.0, 3.0]);
    let len = tape.len();
    assert_eq!(tape.gather(x.iter()).at(1).index(), x.at(1).index());
    assert_eq!(tape.concat([x.slice(0..1), x.slice(1..3)]).data(), [1.0, 2.0, 3.0]);
    assert_eq!(tape.len(), len);
    let reversed = tape.gather(x.iter().rev());
    assert_eq!(reversed.data(), [3.0, 2.0, 1.0]);
    assert_eq!(reversed.at(0).operation(), Operation::Identity);
    assert_eq!(reversed.at(0).children(), [x.at(2)]);
    let mapped = x.map(|x| x * x + 1.0); // two nodes each, so what comes out is scattered
    assert_eq!(mapped.data(), [2.0, 5.0, 10.0]);
    assert_eq!(mapped.sum().backward().of(x), [2.0, 4.0, 6.0]);
    assert_eq!(x.zip_map(reversed, |x, y| x * y).data(), [3.0, 4.0, 3.0]);
    assert_eq!(tape.concat([x, reversed.slice(0..1), x]).data(), [1.0, 2.0, 3.0, 3.0, 1.0, 2.0, 3.0]);
}

#[test]
fn rows_and_slices() {
    let tape = Tape::<f32>::new();
    let matrix = tape.values(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
    let rows: Vec<_> = matrix.rows(3).map(Values::data).collect();
    assert_eq!(rows, [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]);
    assert_eq!(matrix.get(6).map(Value::data), None);
    assert_eq!(Values::from(matrix.at(2)).data(), [3.0]);
    assert_eq!(format!("{matrix:?}"), "[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]");
}

#[test]
#[should_panic(expected = "index 2 in 2 values")]
fn beyond_the_end() {
    Tape::<f64>::new().values(&[1.0, 2.0]).at(2);
}

#[test]
#[should_panic(expected = "range 1..3 in 2 values")]
fn slice_beyond_the_end() {
    Tape::<f64>::new().values(&[1.0, 2.0]).slice(1..3);
}

#[test]
#[should_panic(expected = "rows of 4 in 6 values")]
fn ragged_rows() {
    let tape = Tape::<f64>::new();
    let _ = tape.values(&[0.0; 6]).rows(4);
}

#[test]
#[should_panic(expected = "dot product of 1 and 2 values")]
fn dot_of_two_lengths() {
    let tape = Tape::<f64>::new();
    tape.values(&[1.0]).dot(tape.values(&[1.0, 2.0]));
}

#[test]
#[should_panic(expected = "add of 1 and 2 values")]
fn sum_of_two_lengths() {
    let tape = Tape::<f64>::new();
    let _ = tape.values(&[1.0]) + tape.values(&[1.0, 2.0]);
}

#[test]
#[should_panic(expected = "1 weights for 2 rows")]
fn too_few_weights() {
    let tape = Tape::<f64>::new();
    let row = tape.values(&[1.0]);
    row.weighted_sum([row, row]);
}
