from shared_transformer_tf.benchmark import batches


def test_steps_go_round_and_answers_cover_all():
    seen = []

    def translate(batch):
        seen.append(list(batch))
        return [text.upper() for text in batch]

    work = batches.Batches(translate, ["a", "b", "c"], 2)
    assert work.answers() == ["A", "B", "C"]
    seen.clear()
    for _ in range(3):
        work.step()
    assert seen == [["a", "b"], ["c"], ["a", "b"]]
