import { loadRecognizer } from 'fer/browser';

// A folder in public/ of that name, with config.json and model.safetensors.
const [input, note, list] = ['input', 'p', 'ul'].map((name) => document.querySelector(name));
try {
  const fer = await loadRecognizer({ model: 'model/' });
  note.textContent = fer.device;
  input.disabled = false;
  input.addEventListener('change', async () => {
    list.replaceChildren();
    const [photo] = input.files;
    if (!photo) return;
    try {
      const faces = await fer.recognize(photo);
      // Not of a photo that another has taken the place of.
      if (photo !== input.files[0]) return;
      const items = faces.map(({ label, scores }) => {
        const item = document.createElement('li');
        item.textContent = `${label} ${(100 * scores[label]).toFixed(1)} %`;
        return item;
      });
      list.replaceChildren(...items);
      note.textContent = faces.length === 0 ? 'No face found' : fer.device;
    } catch (error) {
      note.textContent = error.message;
    }
  });
} catch (error) {
  note.textContent = error.message;
}
