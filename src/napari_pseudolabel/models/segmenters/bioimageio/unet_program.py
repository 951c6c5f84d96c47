"""Our own network as an ONNX program, for tools that do not have its code."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from torch import Tensor, nn

from napari_pseudolabel.models.segmenters.dynamic_unet import DynamicUNet

if TYPE_CHECKING:
    from onnx import NodeProto, TensorProto

OPSET = 17
# What runtimes of the years before the newest read as well.
_IR_VERSION = 8


def unet_program(network: DynamicUNet) -> bytes:
    """Return a network as an ONNX file: ``image`` (batch, C, y, x) float32 to ``logits`` (batch, K, y, x), of any size it takes.

    The exporter of PyTorch needs half a minute and a package of its own for what are eight kinds of nodes.
    """
    from onnx import TensorProto, helper

    graph = _Graph()
    answer = graph.unet(network, "image")
    parts: Any = network  # its modules are typed as any module
    first, last = parts.input_block.conv1.conv, parts.output_block["conv"].conv
    ends = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", channels, "y", "x"])
        for name, channels in (("image", first.in_channels), ("logits", last.out_channels))
    ]
    graph.nodes.append(helper.make_node("Identity", [answer], ["logits"]))
    made = helper.make_graph(graph.nodes, "segmenter", ends[:1], ends[1:], graph.weights)
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=_IR_VERSION)
    return bytes(model.SerializeToString())


class _Graph:
    """Nodes and weights of a graph that grows by what is asked of it; everything is called by its result."""

    def __init__(self) -> None:
        self.nodes: list[NodeProto] = []
        self.weights: list[TensorProto] = []

    def unet(self, network: Any, x: str) -> str:
        """Add the network; what it calculates is that of its `forward`."""
        skips = [self._block(network.input_block, x)]
        for down in network.downsamples:
            skips.append(self._block(down, skips[-1]))
        x = self._block(network.bottleneck, skips[-1])
        for up in network.upsamples:
            x = self._node("Concat", [self._conv(up.transp_conv.conv, x), skips.pop()], axis=1)
            x = self._block(up.conv_block, x)
        return self._conv(network.output_block["conv"].conv, x)

    def _block(self, block: Any, x: str) -> str:
        slope = block.activation.negative_slope
        h = self._norm(block.norm1, self._conv(block.conv1.conv, x))
        h = self._node("LeakyRelu", [h], alpha=slope)
        h = self._norm(block.norm2, self._conv(block.conv2.conv, h))
        if block.residual:
            if not isinstance(block.conv3, nn.Identity):
                x = self._norm(block.norm3, self._conv(block.conv3.conv, x))
            h = self._node("Add", [h, x])
        return self._node("LeakyRelu", [h], alpha=slope)

    def _conv(self, conv: nn.Conv2d | nn.ConvTranspose2d, x: str) -> str:
        inputs = [x, self._weight(conv.weight), *(() if conv.bias is None else (self._weight(conv.bias),))]
        kind = "ConvTranspose" if isinstance(conv, nn.ConvTranspose2d) else "Conv"
        pads = [int(one) for one in conv.padding] * 2
        return self._node(kind, inputs, kernel_shape=conv.kernel_size, strides=conv.stride, pads=pads)

    def _norm(self, norm: nn.InstanceNorm2d, x: str) -> str:
        inputs = [x, self._weight(norm.weight), self._weight(norm.bias)]
        return self._node("InstanceNormalization", inputs, epsilon=norm.eps)

    def _node(self, kind: str, inputs: list[str], **attributes: Any) -> str:
        from onnx import helper

        name = f"{kind.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, inputs, [name], **attributes))
        return name

    def _weight(self, tensor: Tensor) -> str:
        from onnx import numpy_helper

        name = f"weight_{len(self.weights)}"
        values = tensor.detach().cpu().float().numpy()
        self.weights.append(numpy_helper.from_array(values, name))
        return name
