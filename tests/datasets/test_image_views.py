"""Random views: each image with its own parameters."""

import pytest
import torch
from scipy import ndimage

from toolkit.datasets.image_views import (
    RandomColorJitter,
    RandomGaussianBlur,
    RandomResizedCropFlip,
    imagenet_augmentation,
    simclr_augmentation,
)

LUMA = torch.tensor([0.299, 0.587, 0.114]).view(1, 3, 1, 1)


@pytest.fixture(autouse=True)
def fixed_seed():
    torch.manual_seed(0)


def random_images(n=8, channels=3, height=12, width=12, low=0.0, high=1.0):
    return low + (high - low) * torch.rand(n, channels, height, width)


def n_distinct(views):
    return len(torch.unique(views.flatten(1), dim=0))


def recipe(make=simclr_augmentation):
    pytest.importorskip("torchvision")
    return make()


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32])
@pytest.mark.parametrize("make", [simclr_augmentation, imagenet_augmentation])
def test_views_keep_the_shape_and_lie_between_0_and_1(make, channels, dtype):
    images = random_images(16, channels, 10, 14)
    images = (images * 255).to(dtype) if dtype == torch.uint8 else images
    views = recipe(make)(images)
    assert views.shape == images.shape
    assert views.dtype == torch.float32
    assert 0 <= views.min() < views.max() <= 1


def test_bytes_and_floats_give_the_same_views():
    images = torch.randint(0, 256, (6, 3, 8, 8), dtype=torch.uint8)
    augment = recipe()
    torch.manual_seed(5)
    from_bytes = augment(images)
    torch.manual_seed(5)
    torch.testing.assert_close(from_bytes, augment(images.float() / 255))


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(
    "augment",
    [RandomResizedCropFlip(), RandomColorJitter(p=1.0, p_grey=0.0), RandomGaussianBlur(p=1.0, sigma=(0.5, 2.0))],
    ids=["crop", "jitter", "blur"],
)
def test_equal_images_get_parameters_of_their_own(augment, channels):
    images = random_images(1, channels, low=0.3, high=0.7).expand(16, -1, -1, -1)
    assert n_distinct(augment(images)) == 16


def test_same_seed_same_views():
    images, augment = random_images(), recipe()
    torch.manual_seed(3)
    first = augment(images)
    torch.manual_seed(3)
    assert torch.equal(augment(images), first)
    assert not torch.equal(augment(images), first)


def test_whole_crops_are_the_image_or_its_mirror():
    images = random_images(64, 3, 9, 12)
    views = RandomResizedCropFlip(scale=(1, 1), ratio=(1, 1))(images)
    same = (views - images).abs().amax((1, 2, 3)) < 1e-5
    mirrored = (views - images.flip(3)).abs().amax((1, 2, 3)) < 1e-5
    assert (same ^ mirrored).all()
    assert 16 <= mirrored.sum() <= 48, "half of them are mirrored: 64 fair coins fall outside with p < 1e-4"


@pytest.mark.parametrize("axis", [2, 3])
def test_crops_show_a_part_of_the_right_size_inside_the_image(axis):
    # A ramp tells where a crop begins and ends: a quarter of the area is half of each side.
    ramp = torch.linspace(0, 1, 40).view((1, 1, -1, 1) if axis == 2 else (1, 1, 1, -1)).expand(200, 1, 40, 40)
    views = RandomResizedCropFlip(scale=(0.25, 0.25), ratio=(1, 1))(ramp)
    first, last = views.amin((1, 2, 3)), views.amax((1, 2, 3))
    torch.testing.assert_close(last - first, torch.full((200,), 0.5), atol=0.03, rtol=0)
    assert first.min() < 0.03, "crops reach both ends"
    assert last.max() > 0.97
    assert first.std() > 0.1, "crops lie anywhere between"


def test_ratio_makes_crops_wider_or_higher():
    ramp = torch.linspace(0, 1, 40).expand(100, 1, 40, 40)
    wide, high = (RandomResizedCropFlip((0.25, 0.25), (ratio, ratio))(ramp) for ratio in (2.0, 0.5))
    for views, share in ((wide, 0.5 * 2**0.5), (high, 0.5 / 2**0.5)):
        spans = views.amax((1, 2, 3)) - views.amin((1, 2, 3))
        torch.testing.assert_close(spans, torch.full((100,), share), atol=0.03, rtol=0)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(
    "settings",
    [{"brightness": 0, "contrast": 0, "saturation": 0, "hue": 0, "p": 1, "p_grey": 0}, {"p": 0, "p_grey": 0}],
    ids=["zero ranges", "p = 0"],
)
def test_jitter_without_range_or_chance_is_the_identity(settings, channels):
    images = random_images(channels=channels)
    torch.testing.assert_close(RandomColorJitter(**settings)(images), images, atol=1e-5, rtol=0)


def test_grey_has_equal_channels_of_the_same_luma():
    images = random_images()
    grey = RandomColorJitter(p=0, p_grey=1)(images)
    torch.testing.assert_close(grey, (images * LUMA).sum(1, keepdim=True).expand_as(grey), atol=1e-4, rtol=0)


def test_grey_and_jitter_happen_as_often_as_asked():
    images = random_images(400, low=0.4, high=0.6)
    grey = RandomColorJitter(p=0, p_grey=0.2)(images)
    is_grey = (grey - grey.mean(1, keepdim=True)).abs().amax((1, 2, 3)) < 1e-4
    assert 0.12 < is_grey.float().mean() < 0.28, "four standard deviations around 0.2"
    jittered = RandomColorJitter(p=0.8, p_grey=0)(images)
    changed = (jittered - images).abs().amax((1, 2, 3)) > 1e-4
    assert 0.72 < changed.float().mean() < 0.88, "four standard deviations around 0.8"


def test_hue_turns_colours_and_keeps_luma():
    images = random_images(low=0.4, high=0.6)
    turned = RandomColorJitter(0, 0, 0, hue=0.5, p=1, p_grey=0)(images)
    torch.testing.assert_close((turned * LUMA).sum(1), (images * LUMA).sum(1), atol=1e-3, rtol=0)
    assert (turned - images).abs().amax((1, 2, 3)).max() > 0.05


@pytest.mark.parametrize("channels", [1, 3])
def test_brightness_scales_and_contrast_keeps_the_mean(channels):
    images = random_images(100, channels, low=0.4, high=0.6)
    bright = RandomColorJitter(0.4, 0, 0, 0, p=1, p_grey=0)(images)
    factors = bright.mean((1, 2, 3)) / images.mean((1, 2, 3))
    torch.testing.assert_close(bright, images * factors.view(-1, 1, 1, 1), atol=1e-4, rtol=0)
    assert 0.6 <= factors.min() < 0.7
    assert 1.3 < factors.max() <= 1.4
    contrasted = RandomColorJitter(0, 0.4, 0, 0, p=1, p_grey=0)(images)
    torch.testing.assert_close(contrasted.mean((1, 2, 3)), images.mean((1, 2, 3)), atol=1e-4, rtol=0)
    spread = contrasted.std((1, 2, 3)) / images.std((1, 2, 3))
    assert 0.6 <= spread.min() < 0.7
    assert 1.3 < spread.max() <= 1.4


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("size", [0.1, 0.4])
def test_blur_equals_scipys_gaussian(channels, size):
    images = random_images(3, channels, 20, 24)
    radius = max(1, round(size * 10))
    blurred = RandomGaussianBlur(p=1.0, sigma=(1.5, 1.5), size=size)(images)
    expected = ndimage.gaussian_filter(
        images.double().numpy(), (0, 0, 1.5, 1.5), mode="mirror", radius=(0, 0, radius, radius)
    )
    torch.testing.assert_close(blurred.double(), torch.from_numpy(expected), atol=1e-5, rtol=0)


def test_blur_happens_as_often_as_asked():
    images = random_images(600, 1, 8, 8)
    untouched = (RandomGaussianBlur(p=0.3, sigma=(1.0, 2.0))(images) - images).abs().amax((1, 2, 3)) < 1e-6
    assert 0.6 < untouched.float().mean() < 0.8  # 5 deviations of a share of 0.7 among 600


def test_small_image_recipe_has_no_blur_and_the_published_jitter():
    jitter, *blur = recipe().transforms[2:]
    assert jitter.ranges == {"brightness": 0.4, "contrast": 0.4, "saturation": 0.4, "hue": 0.1}
    assert not blur
