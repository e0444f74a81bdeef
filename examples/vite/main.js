import { loadRecognizer } from 'fer/browser';

// A folder in public/ of that name, with config.json and model.safetensors.
const fer = await loadRecognizer({ model: 'model/' });
document.querySelector('p').textContent = fer.device;
document.querySelector('input').addEventListener('change', async ({ target }) => {
  const faces = await fer.recognize(target.files[0]);
  const items = faces.map(({ label, scores }) => {
    const item = document.createElement('li');
    item.textContent = `${label} ${(100 * scores[label]).toFixed(1)} %`;
    return item;
  });
  document.querySelector('ul').replaceChildren(...items);
});
