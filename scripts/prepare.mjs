// npm run setup: installs what the gateway and its commands need, and nothing of n8n.
import { prepare } from './setup.mjs';

await prepare();
