"""Which pictures are written, and which are taken away."""

from matplotlib.figure import Figure

from shared_transformer_tf.study.report.pictures import gallery
from shared_transformer_tf.study.report.pictures.gallery import Picture


def test_what_has_nothing_to_show_leaves_no_picture(tmp_path, monkeypatch):
    (tmp_path / "old.png").write_bytes(b"of an earlier report")
    pictures = {
        "new": Picture("has results", lambda evidence: Figure((1, 1))),
        "old": Picture("has none any more", lambda evidence: None),
    }
    monkeypatch.setattr(gallery, "PICTURES", pictures)
    assert gallery.draw(None, tmp_path) == {"new": "new.png"}
    assert [path.name for path in tmp_path.iterdir()] == ["new.png"]
    before = (tmp_path / "new.png").read_bytes()
    gallery.draw(None, tmp_path)
    assert (tmp_path / "new.png").read_bytes() == before
