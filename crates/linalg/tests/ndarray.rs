//! Views of `ndarray` arrays.
#![cfg(feature = "ndarray")]

use linalg::{Error, MatrixView, MatrixViewMut, matmul};
use ndarray::{Array2, s};

#[test]
fn views_keep_shape_and_strides() {
    let array = Array2::from_shape_fn((6, 8), |(i, j)| (i * 10 + j) as f64);
    for slice in [array.view(), array.t(), array.slice(s![1..5;2, 2..8;3]), array.slice(s![2..2, ..])] {
        let view = MatrixView::try_from(slice).unwrap();
        assert_eq!((view.rows(), view.cols()), slice.dim());
        for ((i, j), &value) in slice.indexed_iter() {
            assert_eq!(view[(i, j)], value);
        }
    }
    let product = matmul(MatrixView::try_from(array.t()).unwrap(), MatrixView::try_from(array.view()).unwrap());
    assert_eq!(product.unwrap()[(3, 4)], array.t().dot(&array)[(3, 4)]);
    let mut copy = array.clone();
    MatrixViewMut::try_from(copy.slice_mut(s![.., 3..])).unwrap()[(1, 1)] = -1.0;
    assert_eq!(copy[(1, 4)], -1.0);
    let backwards = MatrixView::try_from(array.slice(s![..;-1, ..]));
    assert_eq!(backwards.map(|_| ()), Err(Error::NegativeStride { axis: 0, stride: -8 }));
    assert!(MatrixView::try_from(array.slice(s![3..4;-1, ..])).is_ok());
    assert!(MatrixView::try_from(array.slice(s![2..2, ..;-1])).is_ok());
}
