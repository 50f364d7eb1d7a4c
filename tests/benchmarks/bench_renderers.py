"""What a frame of 24³ voxels costs by each renderer: CPU time of a process per frame, all its threads, median of some bodies.

    python tests/benchmarks/bench_renderers.py [FRAMES]

Embree is the component `rendering`; the z-buffer in numpy is that of the world `arcade`. ModernGL (EGL, so Mesa where there is no GPU) and
Mitsuba (scalar_rgb, a sample a pixel) draw the same triangles without texture and occlusion, if they are installed.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from aibenchrt.components.rendering.service import open_work
from aibenchrt.components.rendering.workload import bodies
from aibenchrt.datasets.arcade.bodies import PART, hidden_sky, lowest, smooth_normals, surface_of
from aibenchrt.datasets.arcade.dataset import WORLDS
from aibenchrt.datasets.arcade.drawing import seen
from aibenchrt.datasets.looks import FOCAL, Camera, unpacked

Draw = Callable[[dict[str, Any]], object]
GREY = np.full((8, 8, 3), 128, dtype=np.uint8)


def embree(look: str, side: int) -> Draw:
    work = open_work(Path(), {"look": look, "side": side}, Path())
    return lambda values: work(values)


def parts(values: dict[str, Any]) -> tuple[np.ndarray, np.ndarray, Camera]:
    voxels = unpacked(values["solid"]["content"], values["solid"]["side"])
    return voxels, surface_of(voxels), Camera(*values["camera"].values())


def z_buffer(look: str, side: int) -> Draw:
    def draw(values: dict[str, Any]) -> object:
        voxels, triangles, camera = parts(values)
        there = seen(triangles, camera, side, lambda points: smooth_normals(voxels, points))
        if look == "raster":
            return there.raster(GREY)
        fine = np.repeat(np.repeat(np.repeat(voxels, PART, 0), PART, 1), PART, 2)
        return there.occluded(GREY, hidden_sky(fine), lowest(triangles))

    return draw


def modern_gl(side: int) -> Draw:
    import moderngl

    context = moderngl.create_standalone_context(backend="egl")
    program = context.program(
        vertex_shader="""#version 330
            uniform mat3 axes; uniform float distance; uniform float focal; in vec3 place; out vec3 there;
            void main() { vec3 p = axes * place; there = place; float w = distance - p.z;
                          gl_Position = vec4(p.xy * focal, (w - 3.0) * w / 3.0, w); }""",
        fragment_shader="""#version 330
            in vec3 there; out vec4 colour;
            void main() { vec3 n = normalize(cross(dFdx(there), dFdy(there)));
                          colour = vec4(vec3(0.45 + 0.55 * abs(dot(n, normalize(vec3(0.4, 0.8, 0.45))))), 1.0); }""",
    )
    frame = context.framebuffer([context.renderbuffer((side, side), 4)], context.depth_renderbuffer((side, side)))
    context.enable(moderngl.DEPTH_TEST)

    def draw(values: dict[str, Any]) -> object:
        _, triangles, camera = parts(values)
        frame.use()
        frame.clear(0.35, 0.56, 0.84)
        buffer = context.buffer(triangles.astype("f4").tobytes())
        program["axes"].write(np.ascontiguousarray(camera.axes().T, dtype="f4").tobytes())
        program["distance"].value, program["focal"].value = camera.distance, FOCAL
        array = context.vertex_array(program, [(buffer, "3f", "place")])
        array.render()
        pixels = frame.read(components=3)
        array.release()
        buffer.release()
        return pixels

    return draw


def mitsuba(side: int) -> Draw:
    import mitsuba as mi

    mi.set_variant("scalar_rgb")

    def draw(values: dict[str, Any]) -> object:
        _, triangles, camera = parts(values)
        mesh = mi.Mesh("body", vertex_count=3 * len(triangles), face_count=len(triangles))
        params = mi.traverse(mesh)
        params["vertex_positions"] = triangles.astype(np.float32).ravel()
        params["faces"] = np.arange(3 * len(triangles), dtype=np.uint32)
        params.update()
        eye = camera.axes()[2] * camera.distance
        scene = mi.load_dict(
            {
                "type": "scene", "integrator": {"type": "direct"}, "body": mesh, "light": {"type": "constant"},
                "sensor": {
                    "type": "perspective", "fov": float(np.degrees(2 * np.arctan(1 / FOCAL))),
                    "to_world": mi.ScalarTransform4f().look_at(origin=eye.tolist(), target=[0, 0, 0], up=[0, 1, 0]),
                    "film": {"type": "hdrfilm", "width": side, "height": side, "rfilter": {"type": "box"}},
                    "sampler": {"type": "independent", "sample_count": 1},
                },
            }
        )  # fmt: skip
        return np.array(mi.render(scene))

    return draw


def renderers(side: int) -> Iterator[tuple[str, Draw]]:
    for look in ("raster", "occluded"):
        yield f"Embree, {look}", embree(look, side)
        yield f"z-buffer in numpy, {look}", z_buffer(look, side)
    for name, make in (("ModernGL, raster without texture", modern_gl), ("Mitsuba, lit by the sky", mitsuba)):
        try:
            yield name, make(side)
        except Exception as error:  # noqa: BLE001 - not installed, or no EGL: each says it in its own way
            sys.stdout.write(f"{name}: not here ({error})\n")


def main(frames: int) -> None:
    asked = bodies(WORLDS.load("synthetic"), None)[:frames]  # type: ignore[arg-type]
    for side in (64, 96, 128):
        for name, draw in renderers(side):
            draw(asked[0])
            spent = []
            for values in asked:
                start = time.process_time()
                draw(values)
                spent.append(1e3 * (time.process_time() - start))
            sys.stdout.write(f"{side} px, {name}: {np.median(spent):.1f} ms (p90 {np.quantile(spent, 0.9):.1f})\n")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 40)
