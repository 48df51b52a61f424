/** Where the files of `@shiguredo/virtual-background` are served: see vite.background.ts. */
declare const __BACKGROUND_FILES__: string;
