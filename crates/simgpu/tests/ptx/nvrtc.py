"""Compiles a file with NVRTC: nvrtc.py LIBRARY FILE OPTION... > PTX"""
import ctypes
import sys

nvrtc = ctypes.CDLL(sys.argv[1])
source = open(sys.argv[2], "rb").read()
options = [option.encode() for option in sys.argv[3:]]
program = ctypes.c_void_p()
nvrtc.nvrtcCreateProgram(ctypes.byref(program), source, sys.argv[2].encode(), 0, None, None)
status = nvrtc.nvrtcCompileProgram(program, len(options), (ctypes.c_char_p * len(options))(*options))
size = ctypes.c_size_t()
nvrtc.nvrtcGetProgramLogSize(program, ctypes.byref(size))
log = ctypes.create_string_buffer(size.value)
nvrtc.nvrtcGetProgramLog(program, log)
sys.stderr.write(log.value.decode())
if status != 0:
    sys.exit(1)
nvrtc.nvrtcGetPTXSize(program, ctypes.byref(size))
ptx = ctypes.create_string_buffer(size.value)
nvrtc.nvrtcGetPTX(program, ptx)
sys.stdout.write(ptx.value.decode())
