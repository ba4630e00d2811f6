//! What training needs beside products, attention and rows: against the plain loops.

use gpu_device::{Argument, kernels::training};
use gpukern_kernels::{adam, elementwise, embedding, heads};
use linalg::suite::Random;

use crate::Gpu;

fn numbers(random: &mut Random, count: usize) -> Vec<f32> {
    (0..count).map(|_| random.unit::<f32>()).collect()
}

/// Sums of two numbers are rounded once, so they are equal.
#[test]
fn embeddings_are_rows_of_two_tables() {
    let gpu = Gpu::open();
    let mut random = Random::new(11);
    for (rows, columns, vocab, context) in [(1, 1, 1, 1), (40, 33, 7, 5), (9, 16, 27, 16)] {
        let (wte, wpe) = (numbers(&mut random, vocab * columns), numbers(&mut random, context * columns));
        // One beyond the table now and then: a row of zeros.
        let tokens: Vec<u32> = (0..rows).map(|row| (row * 5 % (vocab + 1)) as u32).collect();
        let positions: Vec<u32> =
            (0..rows).map(|row| if row % 4 == 3 { u32::MAX } else { (row % context) as u32 }).collect();
        let row = |table: &[f32], entries: usize, entry: u32, j: usize| {
            if (entry as usize) < entries { table[entry as usize * columns + j] } else { 0.0 }
        };
        let expected: Vec<f32> = (0..rows * columns)
            .map(|i| (tokens[i / columns], positions[i / columns], i % columns))
            .map(|(token, position, j)| row(&wte, vocab, token, j) + row(&wpe, context, position, j))
            .collect();
        let upload = |x: &[f32]| gpu.device.upload(x).expect("memory");
        let (on_wte, on_wpe) = (upload(&wte), upload(&wpe));
        let indices = [&tokens, &positions].map(|index| gpu.device.upload(index).expect("memory"));
        let mut out = gpu.device.uninitialised::<f32>(rows * columns).expect("memory");
        let mut arguments: Vec<Argument<'_>> = [rows, columns, vocab, context].map(|size| (size as u32).into()).into();
        arguments.extend([&indices[0], &indices[1]].map(Argument::from));
        arguments.extend([&on_wte, &on_wpe].map(Argument::from));
        arguments.push((&mut out).into());
        gpu.launch(&training::EMBEDDING, 2, embedding::BLOCK, &arguments);
        assert_eq!(out.to_vec().expect("numbers"), expected);
    }
}

/// Multiples of 2⁻¹⁰: every sum is exact, whatever its order.
#[test]
fn a_table_gets_back_the_sums_of_its_rows() {
    let gpu = Gpu::open();
    let mut random = Random::new(12);
    for (rows, columns, entries) in [(0, 3, 2), (1, 1, 1), (40, 33, 7), (100, 64, 27)] {
        let round = |x: f32| (x * 1024.0).round() / 1024.0;
        let d_out: Vec<f32> = numbers(&mut random, rows * columns).into_iter().map(round).collect();
        let index: Vec<u32> =
            (0..rows).map(|row| if row % 6 == 5 { u32::MAX } else { (row % entries) as u32 }).collect();
        let mut expected = vec![0.0; entries * columns];
        for (row, &entry) in index.iter().enumerate().filter(|(_, entry)| **entry != u32::MAX) {
            for j in 0..columns {
                expected[entry as usize * columns + j] += d_out[row * columns + j];
            }
        }
        let (on_index, on_d_out) =
            (gpu.device.upload(&index).expect("memory"), gpu.device.upload(&d_out).expect("memory"));
        let mut d_table = gpu.device.uninitialised::<f32>(entries * columns).expect("memory");
        let sizes = [rows, columns, entries].map(|size| Argument::from(size as u32));
        let arguments = [sizes.as_slice(), &[(&on_index).into(), (&on_d_out).into(), (&mut d_table).into()]].concat();
        let blocks = embedding::backward_grid(entries as u32, columns as u32);
        gpu.launch(&training::EMBEDDING_BACKWARD, blocks, embedding::BLOCK, &arguments);
        assert_eq!(d_table.to_vec().expect("numbers"), expected, "{rows}x{columns}, {entries} entries");
    }
}

#[test]
fn heads_are_split_and_joined() {
    let gpu = Gpu::open();
    let (batch, tokens, count, head_dim, parts, capacity, first) = (2, 3, 4, 5, 3, 9, 6);
    let n = count * head_dim;
    let rows = numbers(&mut Random::new(13), batch * tokens * parts * n);
    let on_rows = gpu.device.upload(&rows).expect("memory");
    let mut joined = gpu.device.zeros::<f32>(rows.len()).expect("memory");
    for part in 0..parts {
        let sizes =
            [batch, tokens, count, head_dim, parts, part, capacity, first].map(|size| Argument::from(size as u32));
        let mut by_head = gpu.device.upload(&vec![7.0_f32; batch * count * capacity * head_dim]).expect("memory");
        let arguments = [sizes.as_slice(), &[(&on_rows).into(), (&mut by_head).into()]].concat();
        gpu.launch(&training::SPLIT_HEADS, 1, heads::BLOCK, &arguments);
        let split = by_head.to_vec().expect("numbers");
        for (i, &got) in split.iter().enumerate() {
            let (d, slot, head) = (i % head_dim, i / head_dim % capacity, i / (head_dim * capacity) % count);
            let entry = i / (head_dim * capacity * count);
            let row = |token: usize| ((entry * tokens + token) * parts + part) * n + head * head_dim + d;
            assert_eq!(got, if slot < first { 7.0 } else { rows[row(slot - first)] });
        }
        let arguments = [sizes.as_slice(), &[(&by_head).into(), (&mut joined).into()]].concat();
        gpu.launch(&training::JOIN_HEADS, 3, heads::BLOCK, &arguments);
    }
    assert_eq!(joined.to_vec().expect("numbers"), rows);
}

#[test]
fn numbers_alone() {
    let gpu = Gpu::open();
    let count = 1000;
    let (x, y) = (numbers(&mut Random::new(14), count), numbers(&mut Random::new(15), count));
    let [mut on_x, mut on_y] = [&x, &y].map(|x| gpu.device.upload(x).expect("memory"));
    let length = || Argument::from(count as u64);
    gpu.launch(&training::ADD, 2, elementwise::BLOCK, &[length(), (&on_x).into(), (&mut on_y).into()]);
    let sum: Vec<f32> = x.iter().zip(&y).map(|(x, y)| x + y).collect();
    assert_eq!(on_y.to_vec().expect("numbers"), sum);
    gpu.launch(&training::RELU, 2, elementwise::BLOCK, &[length(), (&mut on_x).into()]);
    let above: Vec<f32> = x.iter().map(|x| x.max(0.0)).collect();
    assert_eq!(on_x.to_vec().expect("numbers"), above);
    gpu.launch(&training::RELU_BACKWARD, 2, elementwise::BLOCK, &[length(), (&on_x).into(), (&mut on_y).into()]);
    let through: Vec<f32> = sum.iter().zip(&above).map(|(d, x)| if *x > 0.0 { *d } else { 0.0 }).collect();
    assert_eq!(on_y.to_vec().expect("numbers"), through);
}

/// exp and log are within 2 units in the last place of f32, as is what −loss·log₂e rounds to, in units of the loss.
#[test]
fn a_loss_is_kept_off_infinity() {
    let gpu = Gpu::open();
    let (floor, weight) = (1e-10_f32, 0.25_f32);
    let loss = [0.0, 1e-3, 0.7, 3.3, 15.0, 23.0, 60.0, 1000.0, f32::INFINITY];
    let mut on_loss = gpu.device.upload(&loss).expect("memory");
    let on_weight = gpu.device.upload(&[weight; 9]).expect("memory");
    let mut d_loss = gpu.device.uninitialised::<f32>(9).expect("memory");
    let arguments = [9_u64.into(), floor.into(), (&on_weight).into(), (&mut on_loss).into(), (&mut d_loss).into()];
    gpu.launch(&training::FLOORED_LOSS, 1, elementwise::BLOCK, &arguments);
    let (got, slopes) = (on_loss.to_vec().expect("numbers"), d_loss.to_vec().expect("numbers"));
    for ((loss, got), slope) in loss.into_iter().zip(got).zip(slopes) {
        let p = (-f64::from(loss)).exp();
        let kept = p + f64::from(floor);
        let allowed = 4.0 * f64::from(f32::EPSILON) * (1.0 + f64::from(loss.min(25.0)));
        assert!((f64::from(got) + 0.25 * kept.ln()).abs() <= allowed, "{loss}: {got}");
        assert!((f64::from(slope) - 0.25 * p / kept).abs() <= allowed, "{loss}: {slope}");
    }
}

/// Ten roundings of numbers no larger than the weight and its move.
#[test]
fn adam_moves_weights_and_tells_what_is_not_finite() {
    let gpu = Gpu::open();
    let count = 600;
    let mut random = Random::new(16);
    let [gradient, before, first] = [(); 3].map(|()| numbers(&mut random, count));
    let second: Vec<f32> = numbers(&mut random, count).into_iter().map(f32::abs).collect();
    let factors = [0.5_f32, 0.85, 0.15, 0.99, 0.01, 0.02, 1.5, 1e-8, 0.999];
    let step = |gradient: &[f32]| {
        let [on_gradient, on_before] = [gradient, &before].map(|x| gpu.device.upload(x).expect("memory"));
        let [mut on_first, mut on_second] = [&first, &second].map(|x| gpu.device.upload(x).expect("memory"));
        let mut after = gpu.device.uninitialised::<f32>(count).expect("memory");
        let mut flag = gpu.device.zeros::<u32>(1).expect("memory");
        let mut arguments = vec![Argument::from(count as u64)];
        arguments.extend(factors.map(Argument::from));
        arguments.extend([&on_gradient, &on_before].map(Argument::from));
        arguments.extend([&mut on_first, &mut on_second, &mut after].map(Argument::from));
        arguments.push((&mut flag).into());
        gpu.launch(&training::ADAM, 2, adam::BLOCK, &arguments);
        (after.to_vec().expect("numbers"), flag.to_vec().expect("a flag")[0])
    };
    let (after, flag) = step(&gradient);
    assert_eq!(flag, 0);
    let [clip, beta1, new1, beta2, new2, rate, correction, epsilon, kept] = factors.map(f64::from);
    for (i, &after) in after.iter().enumerate() {
        let [g, w, m, v] = [gradient[i], before[i], first[i], second[i]].map(f64::from);
        let (m, v) = (beta1 * m + new1 * clip * g, beta2 * v + new2 * (clip * g) * (clip * g));
        let step = rate * m / ((v * correction).sqrt() + epsilon);
        let allowed = 10.0 * f64::from(f32::EPSILON) * (w.abs() + step.abs());
        assert!((f64::from(after) - (kept * w - step)).abs() <= allowed, "{i}: {after}");
    }
    for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        let mut gradient = gradient.clone();
        (gradient[3], gradient[599]) = (bad, bad);
        assert_eq!(step(&gradient).1, 2, "{bad}");
    }
}

/// In f64, so far more exact than the squares of f32 need.
#[test]
fn squares_are_summed_by_block() {
    let gpu = Gpu::open();
    for count in [0_usize, 1, 255, 5000] {
        let x: Vec<f32> = numbers(&mut Random::new(17), count).into_iter().map(|x| 1e25 * x).collect();
        let on_x = gpu.device.upload(&x).expect("memory");
        let mut partial = gpu.device.uninitialised::<f64>(3).expect("memory");
        gpu.launch(
            &training::SUM_OF_SQUARES,
            3,
            adam::BLOCK,
            &[(count as u64).into(), (&on_x).into(), (&mut partial).into()],
        );
        let exact: f64 = x.iter().map(|&x| f64::from(x) * f64::from(x)).sum();
        let got: f64 = partial.to_vec().expect("numbers").iter().sum();
        assert!((got - exact).abs() <= 1e-13 * exact, "{count}: {got}, {exact} expected");
    }
}
