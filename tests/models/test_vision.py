"""SimCLR, MoCo v3 and their encoders."""

from functools import partial

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from toolkit.models import MoCoV3, SimCLR
from toolkit.models.encoders import SmallConvNet, build_encoder, resnet
from toolkit.models.losses import hcl, nt_xent
from toolkit.models.moco import CosineMomentum


class FlatEncoder(nn.Module):
    """The smallest encoder there is."""

    n_features = 12

    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(64, self.n_features)

    def forward(self, images):
        return self.linear(images.flatten(1))


@pytest.fixture
def model():
    torch.manual_seed(0)
    return SimCLR(FlatEncoder(), projection_dim=6, temperature=0.3)


@pytest.fixture
def views():
    torch.manual_seed(1)
    return torch.rand(2, 5, 1, 8, 8)


def test_output_is_a_loss_and_one_embedding_per_instance(model, views):
    loss, embeddings = model(*views)
    assert loss.shape == ()
    assert loss.requires_grad
    assert embeddings.shape == (5, 12)
    assert not embeddings.requires_grad


def test_embeddings_are_the_normalised_projections_of_both_views(model, views):
    _, embeddings = model(*views)
    halves = embeddings.chunk(2, dim=1)
    for half in halves:
        torch.testing.assert_close(half.norm(dim=1), torch.ones(5))
    z1, z2 = model.project(torch.cat([*views])).chunk(2)
    torch.testing.assert_close(halves, (F.normalize(z1, dim=1), F.normalize(z2, dim=1)))


def test_loss_is_nt_xent_of_the_projections_at_the_models_temperature(model, views):
    z1, z2 = model.project(torch.cat([*views])).chunk(2)
    loss = model(*views)[0].item()
    assert loss == pytest.approx(nt_xent(z1, z2, 0.3).item(), rel=1e-6)
    assert loss != pytest.approx(nt_xent(z1, z2, 0.5).item(), rel=1e-3)


def test_other_losses(model, views):
    z1, z2 = model.project(torch.cat([*views])).chunk(2)
    model.loss = SimCLR(FlatEncoder(), loss=partial(hcl, tau_plus=0.2, beta=0.5)).loss
    assert model(*views)[0].item() == pytest.approx(hcl(z1, z2, 0.3, tau_plus=0.2, beta=0.5).item(), rel=1e-6)


def test_loss_trains_encoder_and_head(model, views):
    model(*views)[0].backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert torch.isfinite(parameter.grad).all(), name
    assert model.encoder.linear.weight.grad.abs().max() > 0


def test_encode_is_the_encoder_and_project_adds_the_head(model, views):
    model.eval()
    features = model.encode(views[0])
    assert features.shape == (5, 12)
    torch.testing.assert_close(features, model.encoder(views[0]))
    assert model.project(views[0]).shape == (5, 6)
    torch.testing.assert_close(model.project(views[0]), model.head(features))


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(("name", "n_features", "size"), [("tiny", 256, 28), ("small", 512, 28), ("resnet18", 512, 16)])
def test_encoder_by_name(name, n_features, size, channels):
    if name.startswith("resnet"):
        pytest.importorskip("torchvision")
    model = SimCLR(name, in_channels=channels, projection_dim=4)
    loss, embeddings = model(*torch.rand(2, 2, channels, size, size))
    assert torch.isfinite(loss)
    assert embeddings.shape == (2, 8)
    assert model.encode(torch.rand(2, channels, size, size)).shape == (2, n_features)


def test_encoder_by_module():
    encoder = SmallConvNet(in_channels=2, width=4)
    model = SimCLR(encoder)
    assert model.encoder is encoder
    assert encoder.n_features == 64
    assert model.encode(torch.rand(3, 2, 20, 24)).shape == (3, 64)


def test_unknown_encoder_is_named_with_those_there_are():
    with pytest.raises(ValueError, match=r"encoder must be one of 'tiny', 'small', 'resnet18', .*, got 'vgg'"):
        SimCLR("vgg")
    with pytest.raises(ValueError, match="name must be one of 'resnet18', 'resnet50', got 'resnet34'"):
        resnet("resnet34")


def test_resnet18_has_a_stem_for_small_images():
    pytest.importorskip("torchvision")
    network = resnet("resnet18", in_channels=1)
    assert network.conv1.weight.shape == (64, 1, 3, 3)
    sizes = []
    network.layer1.register_forward_hook(lambda module, inputs, output: sizes.append(output.shape[-2:]))
    assert network(torch.rand(1, 1, 16, 16)).shape == (1, 512)
    assert sizes == [(16, 16)], "the stem must keep the resolution"
    large = resnet("resnet18", in_channels=1, small_images=False)
    assert large.conv1.weight.shape == (64, 1, 7, 7)
    assert isinstance(large.maxpool, nn.MaxPool2d)


def test_resnet50_tells_its_width():
    pytest.importorskip("torchvision")
    with torch.device("meta"):
        encoder = build_encoder("resnet50", in_channels=3)
        assert encoder.n_features == 2048
        assert encoder(torch.empty(2, 3, 32, 32)).shape == (2, 2048)


@pytest.mark.parametrize("name", ["resnet18", "resnet50"])
def test_imagenet_encoders_have_the_original_stem(name):
    pytest.importorskip("torchvision")
    with torch.device("meta"):
        encoder, small = build_encoder(f"{name}-imagenet", in_channels=3), build_encoder(name, in_channels=3)
    assert encoder.conv1.kernel_size == (7, 7)
    assert isinstance(encoder.maxpool, nn.MaxPool2d)
    assert small.conv1.kernel_size == (3, 3)


class TestMoCoV3:
    @pytest.fixture
    def model(self):
        torch.manual_seed(0)
        return MoCoV3(FlatEncoder(), projection_dim=6, hidden_dim=8, momentum=CosineMomentum(0.5, 4), temperature=0.3)

    @staticmethod
    def pairs(model):
        """Each parameter of the copy, detached, and the original's."""
        copies = (*model.momentum_encoder.parameters(), *model.momentum_projector.parameters())
        originals = (*model.encoder.parameters(), *model.projector.parameters())
        return [(a.detach().clone(), b.detach().clone()) for a, b in zip(copies, originals, strict=True)]

    def test_loss_compares_predictions_with_the_keys_of_the_other_view(self, model, views):
        for parameter in model.momentum_projector.parameters():
            parameter.data.mul_(1.5)  # else queries and keys would come from equal networks
        model.eval()
        loss, embeddings = model(*views)
        q1, q2 = (model.predictor(model.projector(model.encoder(view))) for view in views)
        k1, k2 = (model.momentum_projector(model.momentum_encoder(view)) for view in views)
        targets = torch.arange(5)

        def cross_entropy(q, k):
            cosines = F.cosine_similarity(q[:, None], k[None], dim=2)
            return F.cross_entropy(cosines / 0.3, targets) * 2 * 0.3

        torch.testing.assert_close(loss, cross_entropy(q1, k2) + cross_entropy(q2, k1))
        torch.testing.assert_close(embeddings, torch.cat([F.normalize(k1), F.normalize(k2)], 1))
        assert not embeddings.requires_grad

    def test_copy_follows_the_schedule_and_receives_no_gradient(self, model, views):
        optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
        for momentum in (0.5, 1 - 0.5 * (1 + 0.5**0.5) / 2, 0.75, 1 - 0.5 * (1 - 0.5**0.5) / 2, 1.0, 1.0):
            before = self.pairs(model)
            loss, _ = model(*views)
            for (old, original), (new, same) in zip(before, self.pairs(model), strict=True):
                torch.testing.assert_close(original, same)
                torch.testing.assert_close(new, momentum * old + (1 - momentum) * original)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            trained = dict(model.named_parameters())
            for name, parameter in trained.items():
                if name.startswith("momentum"):
                    assert parameter.grad is None, name
                else:
                    assert torch.isfinite(parameter.grad).all(), name
        assert model.step == 6
        assert any((old != new).any() for old, new in self.pairs(model))

    def test_evaluation_leaves_the_copy_alone(self, model, views):
        model.eval()
        model.encoder.linear.weight.data.add_(1)
        before = self.pairs(model)
        model(*views)
        assert all(torch.equal(old, new) for (old, _), (new, _) in zip(before, self.pairs(model), strict=True))
        assert model.step == 0

    def test_other_losses(self, model, views):
        plain = model.eval()(*views)[0]
        model.loss = partial(hcl, tau_plus=0, beta=0)
        assert model(*views)[0] == plain
        model.loss = partial(hcl, tau_plus=0.1, beta=1)
        assert model(*views)[0] > plain

    def test_number_as_momentum(self, views):
        model = MoCoV3(FlatEncoder(), hidden_dim=8, momentum=0.25)
        model.encoder.linear.weight.data.add_(1)
        (old, original), *_ = self.pairs(model)
        model(*views)
        torch.testing.assert_close(self.pairs(model)[0][0], 0.25 * old + 0.75 * original)

    @pytest.mark.parametrize("momentum", [-0.1, 1.1, float("nan"), "0.9"])
    def test_bad_momentum(self, momentum):
        with pytest.raises((TypeError, ValueError), match=r"momentum must be a number in \[0, 1\]"):
            MoCoV3(FlatEncoder(), momentum=momentum)

    @pytest.mark.parametrize(("settings", "name"), [({"start": 1.5}, "start"), ({"n_steps": 0}, "n_steps")])
    def test_bad_schedule(self, settings, name):
        with pytest.raises(ValueError, match=name):
            CosineMomentum(**settings)
