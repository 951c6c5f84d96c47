"""ONNX models: a graph of operators in a file, which onnxruntime computes."""
