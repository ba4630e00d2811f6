//! The numbers that training changes, by name.

use std::ops::Index;

use crate::config::Config;
use crate::error::Error;
use crate::random::PythonRandom;

/// Standard deviation of the first weights.
const INITIAL_DEVIATION: f64 = 0.08;

/// One weight, and how much the last loss would rise if it rose.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Parameter {
    /// Its value.
    pub data: f64,
    /// The derivative of the last training step's loss with respect to it; 0 before the first step.
    pub grad: f64,
}

/// A named matrix of parameters; `matrix[row]` is a slice.
#[derive(Clone, Debug, PartialEq)]
pub struct Matrix {
    name: String,
    cols: usize,
    values: Vec<Parameter>,
}

impl Matrix {
    /// Its name, such as `blocks.0.attn.wq`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.values.len() / self.cols
    }

    /// Number of columns.
    pub fn cols(&self) -> usize {
        self.cols
    }

    /// All parameters, row by row.
    pub fn as_slice(&self) -> &[Parameter] {
        &self.values
    }
}

impl Index<usize> for Matrix {
    type Output = [Parameter];

    /// # Panics
    ///
    /// If there is no such row.
    fn index(&self, row: usize) -> &[Parameter] {
        assert!(row < self.rows(), "row {row} of {}, which has {}", self.name, self.rows());
        &self.values[row * self.cols..(row + 1) * self.cols]
    }
}

/// All matrices of a model, in the order in which they are initialised: the Python program's `state_dict`.
///
/// `parameters["wte"][10][5].grad` says how fast the last loss rises with the sixth number of the eleventh token's
/// embedding.
#[derive(Clone, Debug, PartialEq)]
pub struct Parameters {
    matrices: Vec<Matrix>,
}

impl Parameters {
    /// Normally distributed first weights, drawn in the order of [`Config::shapes`], row by row.
    ///
    /// # Errors
    ///
    /// Those of [`Config::parameters`].
    pub(crate) fn new(config: &Config, vocab_size: usize, random: &mut PythonRandom) -> Result<Self, Error> {
        Self::fill(config, vocab_size, || random.gauss(0.0, INITIAL_DEVIATION))
    }

    /// These weights, in that order.
    pub(crate) fn from_data(config: &Config, vocab_size: usize, data: &[f64]) -> Result<Self, Error> {
        let expected = config.parameters(vocab_size)?;
        if data.len() != expected {
            let (expected, found) = (vec![expected], vec![data.len()]);
            return Err(Error::Shape { name: "the list of parameters".to_owned(), expected, found });
        }
        let mut data = data.iter();
        Self::fill(config, vocab_size, || data.next().copied().unwrap_or_default())
    }

    fn fill(config: &Config, vocab_size: usize, mut next: impl FnMut() -> f64) -> Result<Self, Error> {
        config.parameters(vocab_size)?;
        let mut next = || Parameter { data: next(), grad: 0.0 };
        let matrices = config
            .shapes(vocab_size)
            .into_iter()
            .map(|(name, (rows, cols))| Matrix { name, cols, values: (0..rows * cols).map(|_| next()).collect() })
            .collect();
        Ok(Parameters { matrices })
    }

    /// The matrix of that name, if there is one.
    pub fn get(&self, name: &str) -> Option<&Matrix> {
        self.matrices.iter().find(|matrix| matrix.name == name)
    }

    /// The matrices in order.
    pub fn matrices(&self) -> &[Matrix] {
        &self.matrices
    }

    /// How many parameters there are.
    pub fn len(&self) -> usize {
        self.matrices.iter().map(|matrix| matrix.values.len()).sum()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The values of all parameters, in the order of [`iter`](Parameters::iter).
    pub fn data(&self) -> Vec<f64> {
        self.iter().map(|parameter| parameter.data).collect()
    }

    /// The place of `matrix[row][col]` in the order of [`iter`](Parameters::iter), if there is such a parameter.
    pub fn index_of(&self, matrix: &str, row: usize, col: usize) -> Option<usize> {
        let mut before = 0;
        for candidate in &self.matrices {
            if candidate.name == matrix {
                let inside = row < candidate.rows() && col < candidate.cols;
                return inside.then(|| before + row * candidate.cols + col);
            }
            before += candidate.values.len();
        }
        None
    }

    /// All parameters: matrix by matrix, row by row.
    pub fn iter(&self) -> impl Iterator<Item = &Parameter> {
        self.matrices.iter().flat_map(|matrix| &matrix.values)
    }

    /// All parameters, in the order of [`iter`](Parameters::iter).
    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut Parameter> {
        self.matrices.iter_mut().flat_map(|matrix| &mut matrix.values)
    }
}

impl Index<&str> for Parameters {
    type Output = Matrix;

    /// # Panics
    ///
    /// If there is no matrix of that name; [`get`](Parameters::get) does not.
    fn index(&self, name: &str) -> &Matrix {
        self.get(name).unwrap_or_else(|| panic!("no matrix is called {name:?}"))
    }
}
