#!/usr/bin/env python3
"""Compiles CUDA C++ to PTX with NVRTC, NVIDIA's compiler as a library: nvrtc.py LIBNVRTC OUTPUT_FOLDER SOURCE.cu...

Headers (*.cuh beside the sources) are handed over in memory. No path of this machine stays in the PTX: its `.file` lines name
the sources from the repository's root. (NVRTC documentation, 3. "User Interface")
"""

import ctypes
import pathlib
import re
import sys

OPTIONS = [b"--gpu-architecture=compute_80", b"--std=c++17", b"--generate-line-info"]


def without_unread_constants(ptx):
    """NVRTC writes every `constexpr` of namespace scope (its own <nv/target> has forty) as a variable; code reads none."""
    read_somewhere = lambda name: len(re.findall(rf"\b{re.escape(name)}\b", ptx)) > 1
    line = re.compile(r"^\.global \.align \d+ \.\w+ (\w+)(\[\d+\])?( = .*)?;\n", re.MULTILINE)
    return line.sub(lambda match: match[0] if read_somewhere(match[1]) else "", ptx)


class Compiler:
    def __init__(self, library):
        self.nvrtc = ctypes.CDLL(library)
        self.nvrtc.nvrtcGetErrorString.restype = ctypes.c_char_p

    def call(self, name, *arguments):
        status = getattr(self.nvrtc, name)(*arguments)
        if status != 0:
            raise RuntimeError(f"{name}: {self.nvrtc.nvrtcGetErrorString(status).decode()}")

    def text(self, kind, program):
        """The log or the PTX: two calls, the first for the size."""
        size = ctypes.c_size_t()
        self.call(f"nvrtcGet{kind}Size", program, ctypes.byref(size))
        text = ctypes.create_string_buffer(size.value)
        self.call(f"nvrtcGet{kind}", program, text)
        return text.value.decode()

    def compile(self, source, headers):
        program = ctypes.c_void_p()
        strings = lambda items: (ctypes.c_char_p * len(items))(*items)
        self.call(
            "nvrtcCreateProgram",
            ctypes.byref(program),
            source.read_bytes(),
            source.name.encode(),
            len(headers),
            strings([header.read_bytes() for header in headers]),
            strings([header.name.encode() for header in headers]),
        )
        try:
            self.call("nvrtcCompileProgram", program, len(OPTIONS), strings(OPTIONS))
        except RuntimeError as error:
            raise SystemExit(f"{source.name}: {error}\n{self.text('ProgramLog', program)}")
        log = self.text("ProgramLog", program)
        if log.strip():
            raise SystemExit(f"{source.name}: warnings\n{log}")
        return self.text("PTX", program)


def main(library, output, *sources):
    compiler = Compiler(library)
    for source in map(pathlib.Path, sources):
        headers = sorted(source.parent.glob("*.cuh"))
        ptx = compiler.compile(source, headers)
        ptx = without_unread_constants(ptx)
        ptx = re.sub(r'(\.file\s+\d+ ")[^"]*/', r"\1kernels/cuda/", ptx)
        pathlib.Path(output, source.stem + ".ptx").write_text(ptx)


if __name__ == "__main__":
    main(*sys.argv[1:])
