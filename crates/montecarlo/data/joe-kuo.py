"""Writes joe-kuo.bin from the direction numbers in SciPy's wheel: python3 joe-kuo.py, with SciPy installed.

For each dimension after the first: the primitive polynomial (bits, leading and last one included), then as many initial direction
numbers as its degree, all 16-bit, little endian. All dimensions whose polynomial has degree 15 or less: 3,667 with the first.
"""

import os
import struct

import numpy
import scipy

numbers = numpy.load(os.path.join(os.path.dirname(scipy.__file__), "stats", "_sobol_direction_numbers.npz"))
folder = os.path.dirname(os.path.abspath(__file__))
with open(os.path.join(folder, "joe-kuo.bin"), "wb") as file:
    for polynomial, initial in zip(numbers["poly"][1:], numbers["vinit"][1:]):
        degree = int(polynomial).bit_length() - 1
        if degree > 15:
            break
        file.write(struct.pack(f"<{degree + 1}H", polynomial, *initial[:degree]))
