import { version } from "tidegate-gateway";

export default {
  fetch() {
    return new Response(`tidegate ${version()}\n`);
  },
};
