"""The operators that a TorchScript network may call: what networks that segment need, and nothing else.

No operator on the list reads or writes a file, starts anything, hands out memory as it was left by others, or
believes what it is told about the layout of memory.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch

from napari_pseudolabel.errors import CheckpointError

_IN_PLACE_TOO = """
    relu relu6 leaky_relu elu celu selu silu gelu mish hardtanh hardswish hardsigmoid sigmoid tanh
    threshold rrelu
    add sub mul div neg abs pow exp log sqrt rsqrt reciprocal square sin cos floor ceil round trunc sign clamp
    clamp_min clamp_max addcmul addcdiv lerp remainder fmod expm1 log1p log2 erf
    dropout alpha_dropout feature_dropout feature_alpha_dropout
    masked_fill fill zero copy squeeze unsqueeze logical_not logical_and logical_or logical_xor
    index_put transpose floor_divide
"""
_TENSORS = """
    prelu softplus log_sigmoid softshrink hardshrink rsub
    conv1d conv2d conv3d _convolution _convolution_mode convolution conv_transpose1d conv_transpose2d conv_transpose3d
    linear matmul mm bmm addmm baddbmm einsum bilinear
    batch_norm instance_norm group_norm layer_norm
    rms_norm norm linalg_vector_norm
    softmax log_softmax glu
    scaled_dot_product_attention _native_multi_head_attention _transformer_encoder_layer_fwd
    max_pool1d max_pool2d max_pool3d max_pool2d_with_indices avg_pool1d avg_pool2d avg_pool3d
    adaptive_avg_pool1d adaptive_avg_pool2d adaptive_avg_pool3d adaptive_max_pool1d adaptive_max_pool2d
    adaptive_max_pool3d max_unpool2d
    upsample_nearest1d upsample_nearest2d upsample_nearest3d _upsample_nearest_exact1d _upsample_nearest_exact2d
    _upsample_nearest_exact3d upsample_linear1d upsample_bilinear2d upsample_trilinear3d upsample_bicubic2d
    _upsample_bilinear2d_aa _upsample_bicubic2d_aa _upsample_lanczos2d_aa __interpolate __upsample __upsample_bilinear
    __upsample_nearest grid_sampler grid_sampler_2d affine_grid_generator pixel_shuffle pixel_unshuffle
    channel_shuffle
    pad constant_pad_nd reflection_pad1d reflection_pad2d reflection_pad3d replication_pad1d replication_pad2d
    replication_pad3d
    cat concat concatenate stack hstack vstack dstack chunk split split_with_sizes unsafe_chunk unsafe_split
    unsafe_split_with_sizes tensor_split unbind narrow select slice index index_select gather scatter scatter_add
    take_along_dim embedding roll flip fliplr flipud rot90 tile repeat repeat_interleave expand expand_as
    broadcast_to broadcast_tensors view view_as reshape reshape_as flatten unflatten permute movedim moveaxis swapaxes
    swapdims t contiguous clone detach alias unfold im2col col2im meshgrid
    mean sum prod std var var_mean std_mean max min amax amin argmax argmin maximum minimum any all cumsum logsumexp
    median topk sort norm count_nonzero nan_to_num where masked_select nonzero tril triu diagonal outer dot mv
    eq ne lt le gt ge equal isnan isinf isfinite logical_not bitwise_and bitwise_or bitwise_not
    __and__ __or__ __xor__ __iand__ __ior__ atan2 atan asin acos sinh cosh tan heaviside true_divide
    zeros ones full zeros_like ones_like full_like new_zeros new_ones new_full arange linspace eye scalar_tensor
    tensor as_tensor rand rand_like randn randn_like bernoulli
    to type_as cpu cuda
    _shape_as_tensor sym_size
"""
_VALUES = """
    size dim numel stride len is_floating_point is_complex is_contiguous item requires_grad_ device
    Int Float Bool IntImplicit FloatImplicit ScalarImplicit str
    __contains__ __derive_index __getitem__ __is__ __isnot__ __not__ __range_length _set_item floordiv sub_ ceil
    format percentFormat append extend insert pop clear remove reverse list dict keys values items update get
    setdefault copy count slice join lower upper startswith endswith replace strip lstrip rstrip splitlines
    find isdigit mathremainder radians degrees gcd isnan isinf fabs
    is_grad_enabled is_autocast_enabled is_autocast_cpu_enabled is_scripting warn Size index
"""
_PRIM = """
    Constant GetAttr SetAttr If Loop TupleConstruct TupleUnpack TupleIndex TupleSlice ListConstruct ListUnpack
    DictConstruct DictIndex CreateDict NumToTensor Uninitialized unchecked_cast unchecked_unwrap_optional
    RaiseException device dtype layout type is_cuda is_nested is_quantized is_sparse is_mkldnn is_cpu is_mps is_xla
    is_meta requires_grad shape ndim itemsize abs min max sum data name isinstance
    ConstantChunk index range_length rangelist
"""


def _names() -> Iterator[str]:
    for name in _IN_PLACE_TOO.split():
        yield from (f"aten::{name}", f"aten::{name}_")
    for name in (*_TENSORS.split(), *_VALUES.split()):
        yield f"aten::{name}"
    for name in _PRIM.split():
        yield f"prim::{name}"


ALLOWED = frozenset(_names())
"""Names as in graphs: ``aten::conv2d``."""

_SIMPLE: dict[str, tuple[type, ...]] = {
    "TensorType": (torch.Tensor,),
    "IntType": (int,),
    "FloatType": (float,),
    "BoolType": (bool,),
    "StringType": (str,),
    "NumberType": (int, float),
    "DeviceObjType": (torch.device,),
    "NoneType": (type(None),),
}


_HINTS = {
    # PyTorch cannot load such files itself.
    "mkldnn": "Save it before torch.jit.optimize_for_inference",
    "quantized": "Save it before its weights are quantised",
}


def refused(name: str, operator: str) -> CheckpointError:
    """Return the sentence about an operator that is not on the list."""
    what = next((hint for word, hint in _HINTS.items() if word in operator), "Export the network without it")
    return CheckpointError(
        f"{name} asks to run `{operator}`, which a checkpoint must not do; it was not loaded. {what}."
    )


def check_program(network: torch.jit.ScriptModule, name: str) -> None:
    """Check everything that a loaded network could run: all methods and hooks of all its parts.

    Functions and methods that are called are checked where they are called. Nothing runs.

    Parameters
    ----------
    network
        From ``torch.jit.load``.
    name
        Of the file.

    Raises
    ------
    CheckpointError
        If an operator is not on the list, a value is not of the type it is declared with, or a part is
        reached in a way that cannot be followed.
    """
    for part in _parts(network._c):
        for method in part._method_names():
            _Walk(name).run(part._get_method(method).inlined_graph, part)
        for hook in (*part._get_forward_hooks(), *part._get_forward_pre_hooks()):
            _Walk(name).run(hook.inlined_graph, part)


def _parts(module: Any) -> Iterator[Any]:
    yield module
    for _, inner in torch._C.ModuleDict(module).items():
        yield from _parts(inner)


class _Walk:
    """Goes through one graph, with the part of the network that each value of it stands for."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.parts: dict[int, Any] = {}

    def run(self, graph: torch._C.Graph, part: Any) -> None:
        inputs = list(graph.inputs())
        if not inputs or str(inputs[0].type()) != str(part._type()):
            raise refused(self.name, "a program without its network")
        self.parts[inputs[0].unique()] = part
        self._block(graph)

    def _block(self, block: torch._C.Graph | torch._C.Block) -> None:
        for node in block.nodes():
            self._node(node)
            for inner in node.blocks():
                self._block(inner)

    def _node(self, node: torch._C.Node) -> None:
        kind = node.kind()
        if kind not in ALLOWED:
            raise refused(self.name, kind)
        if kind == "prim::Constant":
            self._constant(node)
        elif kind == "prim::GetAttr":
            self._attribute(node)
        elif kind == "prim::SetAttr":
            self._part(node.inputsAt(0), node.s("name"))
            if not _simple(node.inputsAt(1).type()):
                raise refused(self.name, f"prim::SetAttr of {node.s('name')}")
        elif kind in ("prim::unchecked_cast", "prim::unchecked_unwrap_optional") and not _safe_cast(
            node.input().type(), node.output().type()
        ):
            raise refused(self.name, f"{kind} to {node.output().type()}")
        for attribute in node.attributeNames():
            if node.kindOf(attribute) in ("g", "gs"):
                raise refused(self.name, f"{kind} with a program inside")

    def _constant(self, node: torch._C.Node) -> None:
        if not node.hasAttribute("value"):
            return  # None, or the name of a function, whose content stands where it is called
        if node.kindOf("value") == "s" and any(
            not c.isprintable() and c not in "\n\t" for c in node.s("value")
        ):
            raise refused(self.name, "prim::Constant with control characters")
        if node.kindOf("value") == "ival" and not _conforms(node.ival("value"), node.output().type()):
            raise refused(self.name, f"prim::Constant of {node.output().type()}")

    def _attribute(self, node: torch._C.Node) -> None:
        attribute, said = node.s("name"), node.output().type()
        value = self._part(node.input(), attribute).getattr(attribute)
        if isinstance(value, torch._C.ScriptModule):
            if str(value._type()) != str(said):
                raise refused(self.name, f"prim::GetAttr of {attribute} as another type")
            self.parts[node.output().unique()] = value
        elif not _conforms(value, said):
            raise refused(self.name, f"prim::GetAttr of {attribute} as another type")

    def _part(self, value: torch._C.Value, attribute: str) -> Any:
        # Which object a branch or a loop hands on cannot be told; reading a wrong one would read foreign memory.
        part = self.parts.get(value.unique())
        if part is None:
            raise refused(
                self.name, f"prim::GetAttr of {attribute} on something that is no part of the network"
            )
        return part


def _safe_cast(before: Any, after: Any) -> bool:
    """Whether a cast that is not checked at run time can only be right, or is checked where it is used."""
    if after.kind() in _SIMPLE or str(before) == str(after):
        return True
    if after.kind() == "ListType":
        return after.getElementType().kind() in _SIMPLE
    if before.kind() == "OptionalType":
        return str(before.getElementType()) == str(after)
    return before.kind() == "UnionType" and str(after) in map(str, before.containedTypes())


def _simple(said: Any) -> bool:
    return said.kind() in _SIMPLE or (
        said.kind() in ("OptionalType", "ListType", "TupleType", "DictType")
        and all(map(_simple, said.containedTypes()))
    )


def _conforms(value: object, said: Any) -> bool:
    """Whether a value is of the type that a graph takes it for: PyTorch does not ask when it loads it."""
    kind = said.kind()
    if kind == "OptionalType":
        return value is None or _conforms(value, said.getElementType())
    if kind == "TupleType":
        inner = said.containedTypes()
        return isinstance(value, tuple) and len(value) == len(inner) and all(map(_conforms, value, inner))
    if kind == "ListType":
        return isinstance(value, list) and all(_conforms(one, said.getElementType()) for one in value)
    if kind == "DictType":
        return isinstance(value, dict) and all(
            _conforms(k, said.getKeyType()) and _conforms(v, said.getValueType()) for k, v in value.items()
        )
    return isinstance(value, _SIMPLE.get(kind, ()))
