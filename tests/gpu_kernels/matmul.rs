//! Matrix products against sums in f64.
//!
//! The bound is the classical one of an inner product (Higham, *Accuracy and Stability of Numerical Algorithms*, 3.1):
//! each element is off by at most (k + 4)·u·(|alpha|·Σ|a||b| + |beta||c|), four for the products with alpha and beta
//! and their sum; u is half an epsilon. Tensor cores may cut off where others round, which doubles u; so does a
//! reference of the same precision.

use gpu_device::{Argument, Buffer, Element, Launch, Vetted, kernels::matmul};
use gpukern_kernels::matmul::{mma, naive, register, tiled};
use linalg::suite::Random;

use crate::Gpu;
use crate::rounding::{BF16, F16};

/// m, k, n.
const SIZES: [[usize; 3]; 7] =
    [[1, 1, 1], [1, 33, 7], [31, 32, 33], [127, 128, 129], [129, 257, 65], [5, 0, 9], [40, 8, 136]];
/// alpha and beta.
const FACTORS: [[f64; 2]; 3] = [[1.0, 0.0], [-0.5, 2.0], [0.0, 0.5]];

/// A matrix with room between its rows, in which lies what must not be read or written.
struct Strided {
    rows: usize,
    columns: usize,
    leading: usize,
    data: Vec<f64>,
}

impl Strided {
    fn new(random: &mut Random, rows: usize, columns: usize, leading: usize, round: fn(f64) -> f64) -> Self {
        let mut data = vec![f64::NAN; if rows == 0 || columns == 0 { 0 } else { (rows - 1) * leading + columns }];
        for row in data.chunks_mut(leading.max(1)) {
            row.iter_mut().take(columns).for_each(|x| *x = round(random.unit()));
        }
        Self { rows, columns, leading, data }
    }

    fn filled(self, value: f64) -> Self {
        Self { data: vec![value; self.data.len()], ..self }
    }

    fn at(&self, row: usize, column: usize) -> f64 {
        self.data[row * self.leading + column]
    }

    fn upload<T: Element>(&self, gpu: &Gpu, narrow: fn(f64) -> T) -> Buffer<T> {
        let data: Vec<T> = self.data.iter().map(|&x| narrow(x)).collect();
        gpu.device.upload(&data).expect("memory")
    }

    fn f32(&self) -> Vec<f32> {
        self.data.iter().map(|&x| x as f32).collect()
    }
}

/// C ← alpha·op(A)·op(B) + beta·C: what is to be computed.
struct Product {
    a: Strided,
    b: Strided,
    c: Strided,
    transposed: [bool; 2],
    alpha: f64,
    beta: f64,
}

impl Product {
    fn sizes(&self) -> [u32; 3] {
        let k = if self.transposed[0] { self.a.rows } else { self.a.columns };
        [self.c.rows, self.c.columns, k].map(|size| size as u32)
    }

    /// Element by element: the value, and what its error is relative to.
    fn exact(&self, row: usize, column: usize) -> (f64, f64) {
        let [_, _, k] = self.sizes();
        let (mut sum, mut size) = (0.0, 0.0_f64);
        if self.alpha != 0.0 {
            for p in 0..k as usize {
                let a = if self.transposed[0] { self.a.at(p, row) } else { self.a.at(row, p) };
                let b = if self.transposed[1] { self.b.at(column, p) } else { self.b.at(p, column) };
                sum += a * b;
                size += (a * b).abs();
            }
        }
        let old = if self.beta == 0.0 { 0.0 } else { self.beta * self.c.at(row, column) };
        (self.alpha * sum + old, self.alpha.abs() * size + old.abs())
    }

    /// Compares what a kernel left in C; `unit` is the u of the bound.
    fn check(&self, name: &str, given: &[f64], unit: f64) {
        let [m, n, k] = self.sizes();
        for (place, &given) in given.iter().enumerate() {
            let (row, column) = (place / self.c.leading, place % self.c.leading);
            if column >= self.c.columns {
                assert!(given.is_nan(), "{name} {m}x{k}x{n} wrote to the gap after row {row}");
                continue;
            }
            let (exact, size) = self.exact(row, column);
            let allowed = (f64::from(k) + 4.0) * unit * size;
            let context = || format!("{name} {m}x{k}x{n}, alpha {}, beta {}", self.alpha, self.beta);
            assert!((given - exact).abs() <= allowed, "{} [{row}][{column}]: {given}, not {exact}", context());
        }
    }
}

/// Every size, without gaps, with gaps that keep rows aligned and with some that do not; every pair of factors.
fn products(transposes: &[[bool; 2]], round: fn(f64) -> f64) -> Vec<Product> {
    let mut random = Random::new(4);
    let mut products = Vec::new();
    let gaps: [fn(usize) -> usize; 3] =
        [|columns| columns, |columns| columns + 3, |columns| columns.next_multiple_of(8)];
    for ([m, k, n], &transposed, gap) in SIZES
        .iter()
        .flat_map(|&size| transposes.iter().flat_map(move |transposed| gaps.map(|gap| (size, transposed, gap))))
    {
        for [alpha, beta] in FACTORS {
            let mut matrix = |rows, columns, turned| {
                let (rows, columns) = if turned { (columns, rows) } else { (rows, columns) };
                Strided::new(&mut random, rows, columns, gap(columns), round)
            };
            let (a, b, c) = (matrix(m, k, transposed[0]), matrix(k, n, transposed[1]), matrix(m, n, false));
            // What must not be read is no number.
            let [a, b] = if alpha == 0.0 { [a, b].map(|matrix| matrix.filled(f64::NAN)) } else { [a, b] };
            let c = if beta == 0.0 { c.filled(f64::NAN) } else { c };
            products.push(Product { a, b, c, transposed, alpha, beta });
        }
    }
    products
}

fn wide(numbers: Vec<f32>) -> Vec<f64> {
    numbers.into_iter().map(f64::from).collect()
}

#[test]
fn naive_is_the_triple_loop() {
    let gpu = Gpu::open();
    for product in products(&[[false; 2]], |x| f64::from(x as f32)) {
        let gaps = [&product.a, &product.b, &product.c].iter().any(|matrix| matrix.leading != matrix.columns);
        if gaps || product.alpha != 1.0 {
            continue;
        }
        let [m, n, k] = product.sizes();
        let (a, b) = (product.a.upload(&gpu, |x| x as f32), product.b.upload(&gpu, |x| x as f32));
        let mut c = gpu.device.uninitialised::<f32>(product.c.data.len()).expect("memory");
        let launch = Launch { grid: naive::grid(m, n), block: naive::BLOCK, shared_bytes: 0 };
        let arguments = [m.into(), n.into(), k.into(), (&a).into(), (&b).into(), Argument::from(&mut c)];
        gpu.launch_as(&matmul::NAIVE, &launch, &arguments);
        product.check("naive", &wide(c.to_vec().expect("numbers")), f64::from(f32::EPSILON) / 2.0);
    }
}

#[test]
fn tiled_multiplies_operands_as_they_lie() {
    let gpu = Gpu::open();
    let transposes = [[false, false], [true, false], [false, true], [true, true]];
    for product in products(&transposes, |x| f64::from(x as f32)) {
        let given = tiled(&gpu, &matmul::TILED_F32, &product, |x| x as f32);
        product.check("tiled f32", &wide(given), f64::from(f32::EPSILON) / 2.0);
    }
    for product in products(&transposes, |x| x) {
        product.check("tiled f64", &tiled(&gpu, &matmul::TILED_F64, &product, |x| x), f64::EPSILON);
    }
}

fn tiled<T: Element>(gpu: &Gpu, kernel: &Vetted, product: &Product, narrow: fn(f64) -> T) -> Vec<T>
where
    for<'x> Argument<'x>: From<T> + From<&'x Buffer<T>>,
{
    let Product { a, b, c, transposed, alpha, beta } = product;
    let [m, n, k] = product.sizes();
    let (on_a, on_b, on_c) = (a.upload(gpu, narrow), b.upload(gpu, narrow), c.upload(gpu, narrow));
    let mut arguments = vec![m.into(), n.into(), k.into(), narrow(*alpha).into()];
    arguments.extend([Argument::from(&on_a), (a.leading as u32).into(), u32::from(transposed[0]).into()]);
    arguments.extend([Argument::from(&on_b), (b.leading as u32).into(), u32::from(transposed[1]).into()]);
    arguments.extend([narrow(*beta).into(), Argument::from(&on_c), (c.leading as u32).into()]);
    gpu.launch(kernel, tiled::grid(m, n), tiled::BLOCK, &arguments);
    on_c.to_vec().expect("numbers")
}

#[test]
fn register_tiles_give_the_same() {
    let gpu = Gpu::open();
    for product in products(&[[false; 2]], |x| f64::from(x as f32)) {
        let (a, b) = (product.a.upload(&gpu, |x| x as f32), product.b.upload(&gpu, |x| x as f32));
        let given = plain(&gpu, &matmul::REGISTER, &product, (&a).into(), (&b).into());
        product.check("register", &wide(given), f64::from(f32::EPSILON) / 2.0);
    }
}

#[test]
fn tensor_cores_multiply_sixteen_bits_and_sum_in_f32() {
    let gpu = Gpu::open();
    let round: [fn(f64) -> f64; 2] = [|x| BF16.round(x as f32), |x| F16.round(x as f32)];
    let formats = [("bf16", &matmul::MMA_BF16, BF16), ("f16", &matmul::MMA_F16, F16)];
    for ((name, kernel, format), round) in formats.into_iter().zip(round) {
        for product in products(&[[false; 2]], round) {
            let (a, b) = (format.convert(&gpu, &product.a.f32()), format.convert(&gpu, &product.b.f32()));
            let mut rounded = product;
            rounded.c.data.iter_mut().for_each(|x| *x = f64::from(*x as f32));
            let given = plain(&gpu, kernel, &rounded, (&a).into(), (&b).into());
            rounded.check(name, &wide(given), f64::from(f32::EPSILON));
        }
    }
}

/// The register kernel and those of the tensor cores, which take the same arguments.
fn plain(gpu: &Gpu, kernel: &Vetted, product: &Product, a: Argument<'_>, b: Argument<'_>) -> Vec<f32> {
    const { assert!(register::TILE == mma::TILE && register::BLOCK[0] == mma::BLOCK[0]) };
    let [m, n, k] = product.sizes();
    let mut c = product.c.upload(gpu, |x| x as f32);
    let (alpha, beta) = (product.alpha as f32, product.beta as f32);
    let [lda, ldb, ldc] = [&product.a, &product.b, &product.c].map(|matrix| matrix.leading as u32);
    let mut arguments = vec![m.into(), n.into(), k.into(), alpha.into(), a, lda.into(), b, ldb.into(), beta.into()];
    arguments.extend([Argument::from(&mut c), ldc.into()]);
    gpu.launch(kernel, register::grid(m, n), register::BLOCK, &arguments);
    c.to_vec().expect("numbers")
}
