//! Functions that programs link against and this software GPU does not have: each says so.
//!
//! Their parameters are left out: in C's calling convention of the platforms that CUDA is for, a function may ignore what
//! it is passed.

use super::codes::CUresult;
use super::failure::Failure;

macro_rules! unsupported {
    ($($what:literal: $($name:ident)*;)*) => {
        driver_api! {
            $($(
                #[doc = concat!("Not supported: ", $what, ".")]
                fn $name() {
                    let detail = concat!("the software GPU has no ", $what);
                    Err(Failure::new(CUresult::NOT_SUPPORTED, detail))
                }
            )*)*
        }
    };
}

unsupported! {
    "arrays":
        cuArrayCreate_v2 cuArray3DCreate_v2 cuArray3DGetDescriptor_v2 cuArrayGetDescriptor_v2 cuArrayDestroy
        cuMemcpyAtoA_v2 cuMemcpyAtoD_v2 cuMemcpyAtoH_v2 cuMemcpyDtoA_v2 cuMemcpyHtoA_v2 cuMemcpyAtoHAsync_v2
        cuMemcpyHtoAAsync_v2;
    "copies of boxes":
        cuMemcpy3D_v2 cuMemcpy3DAsync_v2 cuMemcpy3DPeer cuMemcpy3DPeerAsync;
    "textures and surfaces":
        cuTexObjectCreate cuTexObjectDestroy cuTexObjectGetResourceDesc cuTexObjectGetResourceViewDesc
        cuTexObjectGetTextureDesc cuSurfObjectCreate cuSurfObjectDestroy cuSurfObjectGetResourceDesc cuModuleGetTexRef
        cuModuleGetSurfRef;
    "graphs":
        cuGraphCreate cuGraphDestroy cuGraphAddKernelNode cuGraphAddKernelNode_v2 cuGraphDebugDotPrint cuGraphGetEdges
        cuGraphGetNodes cuGraphKernelNodeGetParams cuGraphKernelNodeGetParams_v2 cuGraphNodeGetType cuGraphInstantiate
        cuGraphInstantiateWithFlags cuGraphLaunch cuGraphExecDestroy cuStreamBeginCapture_v2 cuStreamEndCapture;
    "external memory and semaphores":
        cuImportExternalMemory cuDestroyExternalMemory cuExternalMemoryGetMappedBuffer cuImportExternalSemaphore
        cuDestroyExternalSemaphore;
    "peer devices":
        cuCtxEnablePeerAccess cuCtxDisablePeerAccess cuDeviceGetP2PAttribute;
    "memory shared between processes":
        cuIpcGetMemHandle cuIpcOpenMemHandle_v2 cuIpcCloseMemHandle cuIpcGetEventHandle cuIpcOpenEventHandle;
    "memory pools":
        cuDeviceGetDefaultMemPool cuDeviceGetMemPool cuDeviceSetMemPool cuMemPoolCreate cuMemPoolDestroy
        cuMemPoolSetAttribute cuMemPoolGetAttribute cuMemPoolTrimTo cuMemAllocFromPoolAsync;
    "management of virtual addresses":
        cuMemAddressReserve cuMemAddressFree cuMemCreate cuMemRelease cuMemMap cuMemUnmap cuMemSetAccess
        cuMemGetAllocationGranularity;
    "extended launches":
        cuLaunchKernelEx cuLaunchCooperativeKernelMultiDevice;
}
