// All points of a map, as many as there are: on a plain canvas, or by WebGL where that would take too long.

import { theme } from "./theme.js";

export const MANY = 20_000; // browsers allow few WebGL contexts on a page: small maps do without
const AT_ONCE = 50_000; // points that are drawn while the map moves
const TURN = 2 * Math.PI;
const SIZES = [1, 2.8];
const OPACITY = [0.06, 0.8];
const PALE = 0.35; // of the opacity

const between = (value, [low, high]) => Math.min(Math.max(value, low), high);

/** Return radius and opacity of n points, by how crowded the sheet is. */
function look(n, { width, height, zoom }) {
  const radius = between(0.3 * Math.sqrt((width * height) / n), SIZES) * Math.min(Math.sqrt(zoom), 3);
  const crowding = (4 * n * Math.PI * radius ** 2) / (width * height * zoom ** 2);
  return { radius, opacity: between(0.8 / Math.sqrt(crowding), OPACITY) };
}

/** Points on a plain canvas. */
export class CanvasPoints {
  constructor(base) {
    Object.assign(this, { base });
  }

  draw(map, palette) {
    const { context } = this.base;
    const { radius, opacity } = look(map.n, map.camera);
    const { width, height } = map.camera;
    for (const pale of map.pale ? [1, 0] : [0]) {
      context.globalAlpha = pale ? PALE * opacity : opacity;
      let last = -1;
      for (let i = 0; i < map.n; i++) {
        if (map.pale && map.pale[i] !== pale) continue;
        const [x, y] = [map.x[i], map.y[i]];
        if (x < -5 || y < -5 || x > width + 5 || y > height + 5) continue;
        const color = pale ? 256 : map.shade[i];
        if (color !== last) context.fillStyle = palette[color] ?? theme.faint;
        last = color;
        if (map.n > MANY) context.fillRect(x - radius, y - radius, 2 * radius, 2 * radius);
        else {
          context.beginPath();
          context.arc(x, y, radius, 0, TURN);
          context.fill();
        }
      }
    }
    context.globalAlpha = 1;
  }
}

const VERTEX = `#version 300 es
in vec2 point; in float shade; in float pale;
uniform vec2 middle, scale, shift; uniform float size, pass; uniform sampler2D palette;
out vec3 color;
void main() {
  gl_Position = pale == pass ? vec4((point - middle) * scale + shift, 0.0, 1.0) : vec4(2.0, 2.0, 2.0, 1.0);
  gl_PointSize = size;
  color = texelFetch(palette, ivec2(pale > 0.5 ? 256 : int(shade), 0), 0).rgb;
}`;
const FRAGMENT = `#version 300 es
precision highp float;
in vec3 color; uniform float opacity, size; out vec4 result;
void main() {
  float away = length(gl_PointCoord - 0.5) * size;
  float alpha = opacity * clamp(0.5 * size - away + 0.5, 0.0, 1.0);
  result = vec4(color * alpha, alpha);
}`;
const UNIFORMS = ["middle", "scale", "shift", "size", "pass", "opacity"];
const SHADES = 257; // the last is that of pale points

/** Points drawn by the graphics card, on a canvas of their own. */
export class GLPoints {
  /** Return one, or null where there is no WebGL 2 that works. */
  static on(canvas) {
    const gl = canvas.getContext("webgl2", { antialias: false, premultipliedAlpha: true });
    const points = gl && new GLPoints(canvas, gl);
    return points?.works ? points : null;
  }

  constructor(canvas, gl) {
    Object.assign(this, { canvas, gl, kept: {} });
    const program = gl.createProgram();
    for (const [kind, source] of [
      [gl.VERTEX_SHADER, VERTEX],
      [gl.FRAGMENT_SHADER, FRAGMENT],
    ]) {
      const shader = gl.createShader(kind);
      gl.shaderSource(shader, source);
      gl.compileShader(shader);
      gl.attachShader(program, shader);
    }
    gl.linkProgram(program);
    this.works = gl.getProgramParameter(program, gl.LINK_STATUS);
    gl.useProgram(program);
    this.places = Object.fromEntries(UNIFORMS.map((name) => [name, gl.getUniformLocation(program, name)]));
    this.attributes = { point: 2, shade: 1, pale: 1 };
    for (const name of Object.keys(this.attributes)) {
      this.attributes[name] = {
        at: gl.getAttribLocation(program, name),
        width: this.attributes[name],
        buffer: gl.createBuffer(),
      };
    }
    gl.bindTexture(gl.TEXTURE_2D, gl.createTexture());
    for (const side of [gl.TEXTURE_MIN_FILTER, gl.TEXTURE_MAG_FILTER])
      gl.texParameteri(gl.TEXTURE_2D, side, gl.NEAREST);
    gl.enable(gl.BLEND);
    gl.blendFunc(gl.ONE, gl.ONE_MINUS_SRC_ALPHA);
  }

  /** Send an attribute to the card if it is not there already, and have it read at each `every`-th point. */
  send(name, data, type, every) {
    const { gl } = this;
    const { at, width, buffer } = this.attributes[name];
    gl.bindBuffer(gl.ARRAY_BUFFER, buffer);
    if (this.kept[name] !== data) gl.bufferData(gl.ARRAY_BUFFER, data, gl.STATIC_DRAW);
    this.kept[name] = data;
    gl.enableVertexAttribArray(at);
    gl.vertexAttribPointer(at, width, type, false, every * width * data.BYTES_PER_ELEMENT, 0);
  }

  draw(map, palette) {
    const { gl, places, canvas } = this;
    const { width, height, scale, shift, middle } = map.camera;
    const ratio = canvas.width / width;
    const every = map.moving ? Math.ceil(map.n / AT_ONCE) : 1;
    const n = Math.floor(map.n / every);
    const { radius, opacity } = look(n, map.camera);
    this.none = this.none?.length === map.n ? this.none : new Uint8Array(map.n);
    this.send("point", map.points, gl.FLOAT, every);
    this.send("shade", map.shade.length === map.n ? map.shade : this.none, gl.UNSIGNED_BYTE, every);
    this.send("pale", map.pale ?? this.none, gl.UNSIGNED_BYTE, every);
    this.paint(palette);
    gl.viewport(0, 0, canvas.width, canvas.height);
    gl.clearColor(0, 0, 0, 0);
    gl.clear(gl.COLOR_BUFFER_BIT);
    gl.uniform2fv(places.middle, middle);
    gl.uniform2f(places.scale, (2 * scale) / width, (2 * scale) / height);
    gl.uniform2f(places.shift, (2 * shift[0]) / width, (-2 * shift[1]) / height);
    gl.uniform1f(places.size, 2 * radius * ratio);
    for (const pale of map.pale ? [1, 0] : [0]) {
      gl.uniform1f(places.pass, pale);
      gl.uniform1f(places.opacity, pale ? PALE * opacity : opacity);
      gl.drawArrays(gl.POINTS, 0, n);
    }
  }

  /** Send the colours, read from a canvas that knows all ways to write them. */
  paint(palette) {
    const key = [...palette, theme.faint].join();
    if (this.kept.palette === key) return;
    this.kept.palette = key;
    const sheet = new OffscreenCanvas(SHADES, 1).getContext("2d");
    for (let shade = 0; shade < SHADES; shade++) {
      sheet.fillStyle = palette[shade] ?? theme.faint;
      sheet.fillRect(shade, 0, 1, 1);
    }
    const { gl } = this;
    const pixels = sheet.getImageData(0, 0, SHADES, 1).data;
    gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA, SHADES, 1, 0, gl.RGBA, gl.UNSIGNED_BYTE, pixels);
  }
}
