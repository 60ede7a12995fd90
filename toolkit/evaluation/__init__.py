"""How good features are: probes on frozen encoders, measures of sentence embeddings."""

from toolkit.evaluation.probes import embed, knn_accuracy, knn_probe, linear_accuracy, linear_probe
from toolkit.evaluation.sts import alignment, embed_text, same_label_precision, sts_spearman, uniformity
from toolkit.evaluation.svm import embed_graphs, linear_fold_accuracy, svm_accuracy

__all__ = [
    "alignment",
    "embed",
    "embed_graphs",
    "embed_text",
    "knn_accuracy",
    "knn_probe",
    "linear_accuracy",
    "linear_fold_accuracy",
    "linear_probe",
    "same_label_precision",
    "sts_spearman",
    "svm_accuracy",
    "uniformity",
]
