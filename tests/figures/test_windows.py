import numpy as np
import pytest

from asap.figures.windows import BONE, LUNG, SOFT_TISSUE, window_for
from asap.text.read import read_sentence


@pytest.mark.parametrize(
    ("text", "window"),
    [
        ("There is a nodule in the right upper lobe.", LUNG),
        ("Diffuse centrilobular emphysema.", LUNG),
        ("Small right pneumothorax.", LUNG),
        ("The trachea is patent.", LUNG),
        ("Moderate left pleural effusion.", SOFT_TISSUE),
        ("The heart is enlarged.", SOFT_TISSUE),
        ("The thoracic aorta is normal in calibre.", SOFT_TISSUE),
        ("Hypodense lesion in the liver.", SOFT_TISSUE),
        ("Enlarged mediastinal lymph nodes.", SOFT_TISSUE),
        ("Old fracture of the left sixth rib.", BONE),
        ("Degenerative changes of the thoracic spine.", BONE),
        ("Comparison: none.", LUNG),
    ],
)
def test_the_window_a_radiologist_would_choose(text, window):
    assert window_for(read_sentence(text)) is window


def test_grey_runs_over_the_width():
    grey = SOFT_TISSUE.grey(np.array([-1000, -160, 40, 240, 3000], dtype=np.float32))
    assert grey == pytest.approx([0, 0, 0.5, 1, 1])
