#!/bin/sh
# The toolchain's own rustdoc, allowed to write JSON. Set for rustdoc alone, the variable builds no dependency anew.
RUSTC_BOOTSTRAP=1 exec rustdoc "$@"
