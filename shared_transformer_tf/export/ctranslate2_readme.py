"""What a CTranslate2 export says of itself to whoever finds it."""

TEXT = """# A translation model for CTranslate2

`pip install ctranslate2 sentencepiece`, then, in this folder:

```python
import json

import ctranslate2
import sentencepiece

facts = json.load(open("metadata.json"))
search = facts["decoding"]
source, target = (
    sentencepiece.SentencePieceProcessor(model_file=facts[name])
    for name in ("source_tokenizer", "target_tokenizer")
)
translator = ctranslate2.Translator(".")

text = "one hundred and twenty-three"
tokens = source.encode(text, out_type=str)[: facts["max_length"] - 1]
limit = search["max_length_factor"] * len(tokens) + search["max_length_offset"]
(result,) = translator.translate_batch(
    [tokens],
    beam_size=search["beam_size"],
    patience=search["patience"],
    length_penalty=search["alpha"],
    min_decoding_length=0,
    suppress_sequences=[["<pad>"], ["<s>"]],
    max_decoding_length=max(1, min(facts["max_length"], int(limit))),
    max_input_length=0,
)
print(target.decode(result.hypotheses[0]))
```

* Tokens are the pieces of the SentencePiece models in this folder. Add no
  others: CTranslate2 adds `</s>` to the source (`add_source_eos` in
  `config.json`) and begins the target with `<s>`.
* A sentence has at most `max_length` tokens, `</s>` included; more are an
  error, so cut them. Answer blank text yourself, with "".
* Scores are log-probabilities among all tokens but `<pad>` and `<s>`, divided
  by length ** `alpha`.
* `patience` is 2 because with 1 the search ends before it has seen some of
  the best translations.
* int8 wants a CPU with VNNI (`avx512_vnni` or `avx_vnni` among the flags of
  `/proc/cpuinfo`). On an older one set `CT2_USE_MKL=1`, or sums overflow and
  translations are worse than those of `check`.
* `check` in `metadata.json` is what the comparison with the trained model
  found before this folder was handed out.
"""
