"""How good features are: probes on frozen encoders."""

from toolkit.evaluation.probes import embed, knn_accuracy, knn_probe, linear_accuracy, linear_probe

__all__ = ["embed", "knn_accuracy", "knn_probe", "linear_accuracy", "linear_probe"]
