"""Points drawn by WebGL, against the same points on a plain canvas."""

from base64 import b64decode
from io import BytesIO

import numpy as np
import pytest
from lab import CHROMIUM
from PIL import Image

from toolkit.explorers.bundle import JS

pytestmark = [pytest.mark.browser, pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")]

N = 400
THEME = 'import { theme } from "./theme.js";'
DRAW = """([points, shade, pale, palette]) => {
    const n = shade.length, size = { width: 400, height: 300 };
    const camera = { ...size, scale: 250, shift: [30, -20], middle: [0.1, 0.2], zoom: 1 };
    const x = points.filter((_, i) => i % 2 === 0).map(u => 230 + (u - 0.1) * 250);
    const y = points.filter((_, i) => i % 2 === 1).map(v => 130 - (v - 0.2) * 250);
    const map = { n, x, y, camera, points: Float32Array.from(points), shade: Uint8Array.from(shade) };
    map.pale = pale && Uint8Array.from(pale);
    const plain = Object.assign(document.createElement("canvas"), size).getContext("2d");
    new CanvasPoints({ context: plain }).draw(map, palette);
    const card = GLPoints.on(Object.assign(document.createElement("canvas"), size));
    card.draw(map, palette);
    return [plain.canvas, card.canvas].map(canvas => canvas.toDataURL().split(",")[1]);
}"""


@pytest.fixture(scope="module")
def page(browser):
    text = (JS / "points.js").read_text()
    assert THEME in text
    page = browser.new_page()
    page.add_script_tag(content=text.replace(THEME, 'const theme = { faint: "#999999" };').replace("export ", ""))
    yield page
    page.close()


@pytest.mark.parametrize("pale", [False, True])
def test_both_draw_the_same_points_in_the_same_colours(page, pale):
    rng = np.random.default_rng(0)
    points, shade = rng.uniform(-0.4, 0.8, 2 * N), rng.integers(0, 4, N)
    shade[shade == 3] = 255  # without a colour
    given = [points.tolist(), shade.tolist(), (np.arange(N) % 2).tolist() if pale else None]
    shown = page.evaluate(DRAW, [*given, ["#cc0000", "#00cc00", "#0000cc"]])
    plain, card = (np.array(Image.open(BytesIO(b64decode(picture))), float) for picture in shown)
    assert plain.shape == card.shape == (300, 400, 4)
    alphas = plain[..., 3], card[..., 3]
    assert alphas[0].sum() == pytest.approx(alphas[1].sum(), rel=0.1)
    assert np.corrcoef(alphas[0].ravel(), alphas[1].ravel())[0, 1] > 0.95
    both = (alphas[0] > 100) & (alphas[1] > 100)
    assert both.sum() > 500
    assert np.abs(plain[both] - card[both])[:, :3].mean() < 12
