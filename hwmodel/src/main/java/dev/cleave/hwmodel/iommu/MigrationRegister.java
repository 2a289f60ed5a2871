package dev.cleave.hwmodel.iommu;

/**
 * The registers of the migration engine, 4 bytes each.
 *
 * <pre>
 *  0x00 control        0 pause, 1 init
 *  0x04 tail           what the engine has done up to, in entries
 *  0x08 head           what software has written up to, in entries
 *  0x0c ring data      size of the ring in pages
 *  0x10 ring low       31:0 of its address
 *  0x14 ring high      63:32 of its address
 *  0x18 threshold      kept, not used
 *  0x1c status         0 ready, 1 a ring is set up, 25 ring error, 26 pointer error, 31 toggle
 * </pre>
 *
 * <p>AMD 58151 revision 0.51, as one driver has it. By choice of the model: pointers count entries,
 * and the toggle changes with each initialisation.
 */
public final class MigrationRegister {
  /** What to do with the ring. */
  public static final int CONTROL = 0x00;

  /** The next entry that the engine fetches. */
  public static final int TAIL = 0x04;

  /** Where software writes the next entry. */
  public static final int HEAD = 0x08;

  /** How long the ring is. */
  public static final int RING_DATA = 0x0c;

  /** Low half of where the ring is. */
  public static final int RING_LOW = 0x10;

  /** High half of where the ring is. */
  public static final int RING_HIGH = 0x14;

  /** Kept, not used. */
  public static final int THRESHOLD = 0x18;

  /** How the engine is. */
  public static final int STATUS = 0x1c;

  /** Control: nothing is fetched. */
  public static final int CONTROL_PAUSE = 1;

  /** Control: takes over the ring as it is described, empty. */
  public static final int CONTROL_INIT = 1 << 1;

  /** Status: the engine is there. */
  public static final int STATUS_READY = 1;

  /** Status: it has a ring. */
  public static final int STATUS_INITIALISED = 1 << 1;

  /** Status: the ring is misaligned, too long, not the hypervisor's, or has no memory. */
  public static final int STATUS_RING_ERROR = 1 << 25;

  /** Status: the head lies beyond the ring. */
  public static final int STATUS_POINTER_ERROR = 1 << 26;

  /** Status: changes with each initialisation. */
  public static final int STATUS_TOGGLE = 1 << 31;

  private MigrationRegister() {}
}
