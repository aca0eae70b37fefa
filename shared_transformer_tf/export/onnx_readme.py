"""What an ONNX export says of itself to whoever finds it."""

TEXT = """# A translation model for ONNX Runtime

`pip install onnxruntime sentencepiece`, then, in this folder:

```python
import json

import numpy as np
import onnxruntime
import sentencepiece

facts = json.load(open("metadata.json"))
source, target = (
    sentencepiece.SentencePieceProcessor(model_file=facts[name])
    for name in ("source_tokenizer", "target_tokenizer")
)
session = onnxruntime.InferenceSession("model.onnx")

text = "one hundred and twenty-three"
tokens = source.encode(text)[: facts["max_length"] - 1] + [source.eos_id()]
ids, scores = session.run(
    ["ids", "scores"], {"source_ids": np.array([tokens], np.int32)}
)
print(target.decode([i for i in ids[0].tolist() if i not in (0, 2, 3)]))
```

* `source_ids` is int32 (batch, source): a row is the pieces' ids, then the
  end symbol 3, then 0 as padding. Batch and lengths are free.
* `ids` is int32 (batch, length): tokens, the end symbol, then 0. A source of
  the end symbol alone gets no tokens.
* `scores` is float32 (batch,): log-probabilities divided by the length
  penalty. Search and limits are in the graph; `decoding` in `metadata.json`
  names them.
"""
