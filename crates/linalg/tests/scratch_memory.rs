//! How much memory a product asks for beyond its matrices, counted by the allocator. One test, so that nothing else
//! allocates meanwhile.

use linalg::{
    Backend, Blocked, KC_MAX, MC_MAX, Matrix, MatrixView, NC_MAX, Naive, SCRATCH_BYTES_MAX, Strassen, Threads, Tiling,
};
use peak_alloc::PeakAlloc;

#[global_allocator]
static ALLOCATOR: PeakAlloc = PeakAlloc;

/// What lists of terms, pieces and threads take beside the panels.
const SMALL_CHANGE: usize = 64 << 10;

/// Bytes at the peak beyond what was there at the start.
fn peak_bytes(work: impl FnOnce()) -> usize {
    let before = ALLOCATOR.current_usage();
    ALLOCATOR.reset_peak_usage();
    work();
    ALLOCATOR.peak_usage().saturating_sub(before)
}

/// On a thread of its own, so that no scratch memory is left from the product before.
fn product_bytes(backend: impl Backend<f64> + Sync, a: MatrixView<'_, f64>, b: MatrixView<'_, f64>) -> usize {
    let mut c = Matrix::zeros(a.rows(), b.cols());
    std::thread::scope(|scope| {
        let product = || peak_bytes(|| backend.gemm(1.0, a, b, 0.0, c.view_mut()).unwrap());
        scope.spawn(product).join().unwrap()
    })
}

#[test]
fn scratch_memory_keeps_its_bounds() {
    let one = Threads::Count(1);
    let blocked = Blocked { threads: one, ..Blocked::default() };
    let (a, b) = (Matrix::from_fn(1100, 1300, |i, j| (i + j) as f64), Matrix::from_fn(1300, 1200, |i, _| i as f64));
    let matrices = 8 * (1100 * 1300 + 1300 * 1200 + 1100 * 1200);

    let used = product_bytes(blocked, a.view(), b.view());
    assert!((1 << 18..SCRATCH_BYTES_MAX + SMALL_CHANGE).contains(&used), "Blocked: {used}");

    let most = Tiling { mc: Some(MC_MAX), kc: Some(KC_MAX), nc: Some(NC_MAX), ..Tiling::default() };
    let used = product_bytes(Blocked { tiling: most, threads: one }, a.view(), b.view());
    assert!(used <= SCRATCH_BYTES_MAX + SMALL_CHANGE, "Blocked, largest tiling: {used}");

    // Every step of B is 16 bytes from the last, and there are more of them than scratch memory holds.
    let (long, steps) = (Matrix::<f64>::zeros(2, 3 << 20), Matrix::<f64>::zeros(3 << 20, 2));
    let column = MatrixView::from_slice(steps.as_slice(), 3 << 20, 1, 2, 1).unwrap();
    let used = product_bytes(blocked, long.view(), column);
    assert!(used <= SCRATCH_BYTES_MAX + SMALL_CHANGE, "Blocked, a long column: {used}");

    // A larger product after a smaller one on the same thread: both buffers are not there at a time.
    let (mut small, mut large) = (Matrix::zeros(300, 1200), Matrix::zeros(1100, 1200));
    let top = a.view().submatrix(0, 0, 300, 1300).unwrap();
    let used = peak_bytes(|| {
        blocked.gemm(1.0, top, b.view(), 0.0, small.view_mut()).unwrap();
        blocked.gemm(1.0, a.view(), b.view(), 0.0, large.view_mut()).unwrap();
    });
    assert!(used <= SCRATCH_BYTES_MAX + SMALL_CHANGE, "Blocked, growing: {used}");

    for levels_max in [1, 2] {
        let used = product_bytes(Strassen { base: blocked, cutoff: 2, levels_max }, a.view(), b.view());
        assert!(used <= matrices / 3 + SMALL_CHANGE, "Strassen, fused: {used} of {matrices}");
        let (a, b) = (a.view().submatrix(0, 0, 400, 400).unwrap(), b.view().submatrix(0, 0, 400, 400).unwrap());
        let used = product_bytes(Strassen { base: Naive::default(), cutoff: 2, levels_max }, a, b);
        assert!(used <= 8 * 400 * 400 + SMALL_CHANGE, "Strassen, recursive: {used}");
    }
}
