/** The same program as a module: it names the engine, and nothing that the engine may use. */
module consumer {
  requires dev.cleave.engine;
}
