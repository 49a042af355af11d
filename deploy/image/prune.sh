#!/bin/sh
# prune.sh SITE_PACKAGES: removes from installed packages what running them never reads.
#
# Tests; sources and headers, which only a compiler wants, and an image has none; type stubs; the symbols of extension
# modules, which serve debuggers. Libraries that wheels bring along (*.libs) stay as they are: stripping breaks some of
# them, numpy's OpenBLAS among them.
set -eu
cd "$1"

find . -type d \( -name tests -o -name test \) -prune -exec rm -rf {} +
rm -rf sqlalchemy/testing alembic/testing
find . -type f \( -name '*.c' -o -name '*.cpp' -o -name '*.cu' -o -name '*.h' -o -name '*.hpp' -o -name '*.a' \
    -o -name '*.pyx' -o -name '*.pxd' -o -name '*.pxi' -o -name '*.pyi' \) -delete
find . -type f -name '*.so*' -size +500k ! -path './*.libs/*' -exec strip --strip-unneeded {} +

# PyTorch's programs serve the building of extensions, but for the one through which data loaders share memory.
if [ -d torch ]; then
    rm -rf torch/include torch/share torch/lib/libtorchbind_test.so torch/lib/libjitbackend_test.so \
        torch/lib/libbackend_with_compiler.so torch/lib/libaoti_custom_ops.so torch/utils/benchmark
    cd torch/testing/_internal
    rm -rf distributed generated opinfo __pycache__ common_methods_invocations.py common_modules.py common_nn.py \
        common_distributed.py common_fsdp.py common_optimizers.py common_quantization.py
    cd ../../..
    find torch/bin -mindepth 1 ! -name torch_shm_manager -delete
    # The list of its files, for uninstalling it: 1.5 MB.
    rm torch-*.dist-info/RECORD
fi
