"""One vocabulary: names, order and kind of arguments are the same everywhere."""

import inspect
from collections import defaultdict
from pathlib import Path

from test_project import public_members, public_modules, repository_files

REPOSITORY = Path(__file__).resolve().parents[1]
SETTINGS = ["n_candidates", "n_neighbors", "restart"]
LONGEST = 350  # lines of a file


def functions():
    """Yield (name, signature) of the public functions, methods and constructors outside the engine."""
    for name, member in public_members():
        if callable(member) and not name.startswith("toolkit.engine"):
            try:
                yield name, inspect.signature(member)
            except ValueError:  # a class of a compiled base has none
                continue


def test_settings_of_the_sampler_are_keywords_in_one_order():
    seen = 0
    for name, signature in functions():
        parameters = [parameter for parameter in signature.parameters.values() if parameter.name != "self"]
        settings = [parameter for parameter in parameters if parameter.name in SETTINGS and len(parameters) > 1]
        seen += bool(settings)
        assert all(setting.kind is setting.KEYWORD_ONLY for setting in settings), name
        order = [setting.name for setting in settings]
        assert order == [setting for setting in SETTINGS if setting in order], name
    assert seen > 15


def test_randomness_is_named_seed():
    for name, signature in functions():
        assert not {"states", "random_state", "rng", "generator"} & signature.parameters.keys(), name


def test_no_function_hides_the_module_of_its_name():
    for module in public_modules():
        if not hasattr(module, "__path__"):
            continue
        files = {path.stem for folder in module.__path__ for path in Path(folder).iterdir()}
        hidden = [name for name in files if inspect.isfunction(getattr(module, name, None))]
        assert hidden == [], module.__name__


def test_no_two_public_classes_share_a_name():
    found = defaultdict(set)
    for name, member in public_members():
        if inspect.isclass(member):
            found[name.rsplit(".", 1)[1]].add(member)
    assert {name: classes for name, classes in found.items() if len(classes) > 1} == {}


def test_explorers_of_embeddings_begin_alike():
    from toolkit import explorers

    for name in explorers.__all__:
        parameters = list(inspect.signature(getattr(explorers, name)).parameters.values())
        if name != "TrainingMonitor":
            assert [parameter.name for parameter in parameters[:3]] == ["embeddings", "labels", "items"], name
            assert all(parameter.kind is not parameter.POSITIONAL_OR_KEYWORD for parameter in parameters[3:]), name


def test_results_have_a_value_an_interval_and_a_table():
    from toolkit import evaluation, metrics, proximity, training

    results = [
        member for member in vars(metrics).values() if inspect.isclass(member) and member.__name__ != "Candidates"
    ]
    results += [proximity.Escape, training.Comparison, evaluation.STSScores, evaluation.RetrievalScores]
    assert len(results) > 8
    for result in results:
        assert isinstance(inspect.getattr_static(result, "value"), property), result
        assert callable(result.interval), result
        assert callable(result.to_frame), result


def test_no_file_is_long():
    paths = [path for path in repository_files() if path.suffix in (".py", ".js")]
    lengths = {str(path.relative_to(REPOSITORY)): len(path.read_text().splitlines()) for path in paths}
    assert len(lengths) > 150
    assert {name: length for name, length in lengths.items() if length > LONGEST} == {}
