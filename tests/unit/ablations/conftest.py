"""What tests of the executors share: steps that take no time, and a Ray cluster of two nodes."""

import os

import pytest
from paths import ROOT
from toy_steps import Toy


@pytest.fixture
def toy(tmp_path):
    return Toy(tmp_path)


@pytest.fixture(scope="session")
def ray_home(tmp_path_factory):
    """The working directory of the cluster's nodes."""
    return tmp_path_factory.mktemp("nodes")


@pytest.fixture(scope="session")
def ray_cluster(ray_home):
    """A cluster on this machine, two nodes of one processor each, whose workers find the code and the toy."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(ray_home)
        path = [str(ROOT), str(ROOT / "tests" / "helpers"), *filter(None, [os.environ.get("PYTHONPATH")])]
        patch.setenv("PYTHONPATH", os.pathsep.join(path))
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        from ray.cluster_utils import Cluster

        cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
        try:
            cluster.add_node(num_cpus=1)
            patch.undo()
            yield cluster
        finally:
            cluster.shutdown()


@pytest.fixture
def run_with(request):
    """The arguments by which ``Toy.run`` uses an executor, with two tasks at once."""

    def arguments(executor):
        more = {"address": request.getfixturevalue("ray_cluster").address} if executor == "ray" else {}
        return {"executor": executor, "workers": 2, **more}

    return arguments


@pytest.fixture(scope="session")
def tokenizer_of():
    """The tokenizer of an architecture, with a token per byte."""
    from byte_checkpoints import make_tokenizer

    return make_tokenizer


@pytest.fixture(scope="session")
def base(tmp_path_factory):
    """The checkpoint of an architecture, made once; read only, for all tests share it."""
    from byte_checkpoints import write_base

    made = {}

    def get(kind):
        if kind not in made:
            made[kind] = tmp_path_factory.mktemp(kind)
            write_base(made[kind], kind)
        return made[kind]

    return get
