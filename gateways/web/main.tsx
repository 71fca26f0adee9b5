import { render } from 'preact';
import { App } from './app.tsx';
import { stayConnected } from './connection.ts';

stayConnected();
const root = document.getElementById('app');
if (root) render(<App />, root);
