//! Strassen's seven products as a table, and its tensor powers.

/// One product: the factor of every block of A and of B in its operands, and with what factor it is added to every
/// block of C. Blocks are numbered row by row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Step {
    pub(super) a: Vec<i8>,
    pub(super) b: Vec<i8>,
    pub(super) c: Vec<i8>,
}

/// A11 A12 A21 A22, then B's, then C's: the paper's I to VII.
const STRASSEN: [[[i8; 4]; 3]; 7] = [
    [[1, 0, 0, 1], [1, 0, 0, 1], [1, 0, 0, 1]],
    [[0, 0, 1, 1], [1, 0, 0, 0], [0, 0, 1, -1]],
    [[1, 0, 0, 0], [0, 1, 0, -1], [0, 1, 0, 1]],
    [[0, 0, 0, 1], [-1, 0, 1, 0], [1, 0, 1, 0]],
    [[1, 1, 0, 0], [0, 0, 0, 1], [-1, 1, 0, 0]],
    [[-1, 0, 1, 0], [1, 1, 0, 0], [0, 0, 0, 1]],
    [[0, 1, 0, -1], [0, 0, 1, 1], [1, 0, 0, 0]],
];

/// The 7^levels products over a grid of 2^levels × 2^levels blocks.
pub(super) fn steps(levels: usize) -> Vec<Step> {
    let mut steps = vec![Step { a: vec![1], b: vec![1], c: vec![1] }];
    for level in 0..levels {
        let side = 1 << level;
        steps = STRASSEN
            .iter()
            .flat_map(|[a, b, c]| {
                steps.iter().map(move |inner| Step {
                    a: expand(a, &inner.a, side),
                    b: expand(b, &inner.b, side),
                    c: expand(c, &inner.c, side),
                })
            })
            .collect();
    }
    steps
}

/// Each of four outer factors times a grid of inner ones, laid out as one grid of twice the side.
fn expand(outer: &[i8; 4], inner: &[i8], side: usize) -> Vec<i8> {
    let wide = 2 * side;
    (0..wide * wide)
        .map(|block| {
            let (row, col) = (block / wide, block % wide);
            outer[row / side * 2 + col / side] * inner[row % side * side + col % side]
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::steps;

    /// Over symbols: the sum over steps of a_x·b_y·c_z must be 1 where block x of A times block y of B belongs to
    /// block z of C, and 0 elsewhere (the Brent equations).
    #[test]
    fn the_products_add_up_to_a_matrix_product() {
        for levels in 0..=2 {
            let (steps, side) = (steps(levels), 1 << levels);
            assert_eq!(steps.len(), 7usize.pow(levels as u32));
            for x in 0..side * side {
                for y in 0..side * side {
                    for z in 0..side * side {
                        let sum: i32 = steps
                            .iter()
                            .map(|step| i32::from(step.a[x]) * i32::from(step.b[y]) * i32::from(step.c[z]))
                            .sum();
                        let belongs = x % side == y / side && x / side == z / side && y % side == z % side;
                        assert_eq!(sum, i32::from(belongs), "levels {levels}: A{x} B{y} C{z}");
                    }
                }
            }
        }
    }
}
