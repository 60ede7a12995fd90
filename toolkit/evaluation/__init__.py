"""Evaluation of features: probes on frozen encoders, retrieval, measures of sentence embeddings.

Features of a wrong shape, NaN and Inf raise a ValueError that names them; so do zero rows if cosines are computed.
"""

from toolkit.evaluation.embedding import embed
from toolkit.evaluation.geometry import alignment, uniformity
from toolkit.evaluation.neighbors import same_label_precision
from toolkit.evaluation.probes import knn_accuracy, knn_probe, linear_accuracy, linear_probe
from toolkit.evaluation.retrieval import RetrievalScores, retrieval_scores, retrieve
from toolkit.evaluation.sts import STSScores, sts_spearman
from toolkit.evaluation.svm import linear_fold_accuracy, svm_accuracy

__all__ = [
    "RetrievalScores",
    "STSScores",
    "alignment",
    "embed",
    "knn_accuracy",
    "knn_probe",
    "linear_accuracy",
    "linear_fold_accuracy",
    "linear_probe",
    "retrieval_scores",
    "retrieve",
    "same_label_precision",
    "sts_spearman",
    "svm_accuracy",
    "uniformity",
]
